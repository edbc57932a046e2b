/** Large frames come as binary: their JSON in raw deflate. Browsers unpack in their own time, frames must stay in order. */
export const unpacks = typeof DecompressionStream !== "undefined";

export async function inflate(packed: ArrayBuffer): Promise<string> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}

/** Hands on each frame's text in the order of arrival; `fail` is called for one that cannot be read. */
export function createUnpacker(take: (text: string) => void, fail: () => void): (data: unknown) => void {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  return (data) => {
    if (typeof data === "string" && waiting === 0) return take(data);
    waiting += 1;
    const text = typeof data === "string" ? Promise.resolve(data) : inflate(data as ArrayBuffer);
    // Heard of below, in its turn; a failure must not count as one that nobody looks at.
    text.catch(() => {});
    last = last
      .then(() => text)
      .then(take)
      .catch(fail)
      .finally(() => {
        waiting -= 1;
      });
  };
}
