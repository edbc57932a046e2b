"""OpenAI's own client, pointed at Portico: the base URL and the key are all that changes.

pip install openai; PORTICO_KEY=pk_... python examples/clients/openai_client.py
"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("PORTICO_URL", "http://127.0.0.1:8009") + "/v1",
    api_key=os.environ["PORTICO_KEY"],
)
TEXT = "Portico is one door. Every call takes the same way through the door. It is blue."

stream = client.chat.completions.create(
    model="extractive-summariser",
    messages=[{"role": "user", "content": TEXT}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    elif chunk.usage:
        print(f"\n{chunk.usage.prompt_tokens} tokens in, {chunk.usage.completion_tokens} out")

embedding = client.embeddings.create(model="hashing-embedder", input=TEXT).data[0].embedding
print(f"an embedding of {len(embedding)} numbers")
