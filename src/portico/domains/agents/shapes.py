"""The shapes of A2A's objects: 1.0 is what Portico thinks in, 0.3 is written for those who speak it.

0.3 comes in two spellings, that of its JSON-RPC and that of its REST binding. What is read is read leniently, in either spelling;
what is written is exactly one of them. Whatever is not known here stays as it came, so numbers and texts are never rounded.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Any, Final, Literal

Json = dict[str, Any]
Spelling = Literal["rpc", "rest"]

_STATE: Final = "TASK_STATE_"
FINAL_STATES: Final = frozenset(
    {f"{_STATE}{each}" for each in ("COMPLETED", "FAILED", "CANCELED", "REJECTED", "INPUT_REQUIRED", "AUTH_REQUIRED")}
)
EVENTS: Final = ("task", "message", "statusUpdate", "artifactUpdate")
_KINDS: Final = {
    "task": "task",
    "message": "message",
    "status-update": "statusUpdate",
    "artifact-update": "artifactUpdate",
}
_SHORT: Final = {name: kind for kind, name in _KINDS.items()}
# Marks data that is no object, which 0.3 has no room for.
_WRAPPED: Final = "data_part_compat"


def camel(given: Json) -> Json:
    """Names in either spelling of protocol buffers, as one; only names are changed, and only at this level."""
    return {_camel(name): value for name, value in given.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if rest and first else name


def _each(read: Callable[[Json], Json], given: object) -> list[Json]:
    return [read(each) for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _kept(given: Json, *names: str) -> Json:
    return {name: given[name] for name in names if given.get(name) not in (None, "", [])}


# --- up: from 0.3 in either spelling to 1.0 ---------------------------------------------------------------------------


def state_up(state: object) -> str:
    text = str(state or "").upper().replace("-", "_").removeprefix(_STATE)
    return _STATE + {"CANCELLED": "CANCELED", "UNKNOWN": "UNSPECIFIED", "": "UNSPECIFIED"}.get(text, text)


def part_up(given: Json) -> Json:
    given = camel(given)
    metadata = dict(given["metadata"]) if isinstance(given.get("metadata"), dict) else {}
    part: Json = {}
    if isinstance(given.get("file"), dict):
        part = _file_up(camel(given["file"]))
    elif "data" in given:
        part = {"data": _data_up(given, metadata)}
    elif "text" in given:
        part = {"text": given["text"]}
    return {**part, "metadata": metadata} if metadata else part


def _data_up(given: Json, metadata: Json) -> Any:
    data = given["data"]
    if "kind" not in given and isinstance(data, dict) and set(data) == {"data"}:
        data = data["data"]
    if metadata.pop(_WRAPPED, False) and isinstance(data, dict) and "value" in data:
        return data["value"]
    return data


def _file_up(file: Json) -> Json:
    part: Json = {}
    if "bytes" in file:
        part["raw"] = file["bytes"]
    elif "fileWithBytes" in file:
        part["raw"] = _once(str(file["fileWithBytes"]))
    else:
        part["url"] = file.get("uri") or file.get("fileWithUri") or ""
    if file.get("mimeType"):
        part["mediaType"] = file["mimeType"]
    if file.get("name"):
        part["filename"] = file["name"]
    return part


def _once(coded: str) -> str:
    """Programs of the older REST binding code bytes twice; what is base64 within base64 is taken as that."""
    try:
        inner = b64decode(coded, validate=True).decode("ascii")
        b64decode(inner, validate=True)
    except (NotBase64, ValueError):
        return coded
    return inner or coded


def message_up(given: Json) -> Json:
    given = camel(given)
    role = str(given.get("role") or "user").upper()
    parts = given.get("parts", given.get("content"))
    return {
        "messageId": given.get("messageId", ""),
        "role": role if role.startswith("ROLE_") else f"ROLE_{role}",
        "parts": _each(part_up, parts),
        **_kept(given, "contextId", "taskId", "metadata", "extensions", "referenceTaskIds"),
    }


def status_up(given: Json) -> Json:
    given = camel(given)
    status: Json = {"state": state_up(given.get("state"))}
    told = given.get("message", given.get("update"))
    if isinstance(told, dict):
        status["message"] = message_up(told)
    if given.get("timestamp"):
        status["timestamp"] = str(given["timestamp"]).replace("+00:00", "Z")
    return status


def artifact_up(given: Json) -> Json:
    given = camel(given)
    artifact = {"artifactId": given.get("artifactId", ""), "parts": _each(part_up, given.get("parts"))}
    return artifact | _kept(given, "name", "description", "metadata", "extensions")


def task_up(given: Json) -> Json:
    given = camel(given)
    task: Json = {"id": given.get("id", ""), "contextId": given.get("contextId", "")}
    task["status"] = status_up(given["status"]) if isinstance(given.get("status"), dict) else {"state": state_up("")}
    if artifacts := _each(artifact_up, given.get("artifacts")):
        task["artifacts"] = artifacts
    if history := _each(message_up, given.get("history")):
        task["history"] = history
    return task | _kept(given, "metadata")


def event_up(given: Json) -> Json:
    """One event of a stream, or the answer to a message, wrapped as 1.0 does; empty when it is none."""
    given = camel(given)
    for name in EVENTS:
        if isinstance(given.get(name), dict) and "kind" not in given:
            return {name: _UP[name](given[name])}
    if isinstance(given.get("msg"), dict):
        return {"message": message_up(given["msg"])}
    name = _KINDS.get(str(given.get("kind")), "")
    if not name:
        name = "message" if "messageId" in given else "task" if "status" in given and "id" in given else ""
    return {name: _UP[name](given)} if name else {}


def status_update_up(given: Json) -> Json:
    given = camel(given)
    status = status_up(given["status"]) if isinstance(given.get("status"), dict) else {"state": state_up("")}
    return {**_kept(given, "taskId", "contextId"), "status": status, **_kept(given, "metadata")}


def artifact_update_up(given: Json) -> Json:
    given = camel(given)
    artifact = artifact_up(given["artifact"]) if isinstance(given.get("artifact"), dict) else {}
    update = {**_kept(given, "taskId", "contextId"), "artifact": artifact}
    return update | {name: True for name in ("append", "lastChunk") if given.get(name)} | _kept(given, "metadata")


_UP: Final[dict[str, Callable[[Json], Json]]] = {
    "task": task_up,
    "message": message_up,
    "statusUpdate": status_update_up,
    "artifactUpdate": artifact_update_up,
}


def push_up(given: Json) -> Json:
    """A configuration, nested as 0.3 does or already flat."""
    given = camel(given)
    inner = given.get("pushNotificationConfig", given.get("config"))
    config = camel(inner) if isinstance(inner, dict) else given
    # The older REST binding wraps it once more.
    if isinstance(config.get("pushNotificationConfig"), dict):
        config = camel(config["pushNotificationConfig"])
    pushed = _kept(given, "taskId") | _kept(config, "id", "url", "token")
    told = config.get("authentication")
    if isinstance(told, dict):
        schemes = told.get("schemes")
        scheme = told.get("scheme") or (schemes[0] if isinstance(schemes, list) and schemes else "")
        pushed["authentication"] = {"scheme": scheme, **_kept(told, "credentials")}
    return pushed


def send_up(given: Json) -> Json:
    """The parameters of sending a message."""
    given = camel(given)
    told = given.get("message", given.get("request"))
    params: Json = {"message": message_up(told) if isinstance(told, dict) else {}}
    asked = given.get("configuration")
    if isinstance(asked, dict):
        asked = camel(asked)
        configuration = _kept(asked, "acceptedOutputModes")
        # In 0.3 a length of 0 means all of it.
        if asked.get("historyLength"):
            configuration["historyLength"] = asked["historyLength"]
        if asked.get("blocking") is False:
            configuration["returnImmediately"] = True
        pushed = asked.get("pushNotificationConfig", asked.get("pushNotification"))
        if isinstance(pushed, dict):
            configuration["taskPushNotificationConfig"] = push_up(pushed)
        params["configuration"] = configuration
    return params | _kept(given, "metadata")


# --- down: from 1.0 to 0.3 --------------------------------------------------------------------------------------------


def state_down(state: object, spelling: Spelling) -> str:
    text = str(state or f"{_STATE}UNSPECIFIED")
    if spelling == "rest":
        return text.replace("CANCELED", "CANCELLED")
    short = text.removeprefix(_STATE).lower().replace("_", "-")
    return "unknown" if short == "unspecified" else short


def part_down(given: Json, spelling: Spelling) -> Json:
    metadata = dict(given["metadata"]) if isinstance(given.get("metadata"), dict) else {}
    part: Json
    if "data" in given:
        data = given["data"]
        if not isinstance(data, dict):
            data, metadata[_WRAPPED] = {"value": data}, True
        part = {"kind": "data", "data": data} if spelling == "rpc" else {"data": {"data": data}}
    elif "raw" in given or "url" in given:
        file = _file_down(given, spelling)
        part = {"kind": "file", "file": file} if spelling == "rpc" else {"file": file}
    else:
        part = {"text": given.get("text", "")}
        if spelling == "rpc":
            part["kind"] = "text"
    return {**part, "metadata": metadata} if metadata else part


def _file_down(given: Json, spelling: Spelling) -> Json:
    file: Json
    if "raw" in given:
        coded = str(given["raw"])
        file = {"bytes": coded} if spelling == "rpc" else {"fileWithBytes": b64encode(coded.encode()).decode()}
    else:
        file = {"uri" if spelling == "rpc" else "fileWithUri": given["url"]}
    if given.get("mediaType"):
        file["mimeType"] = given["mediaType"]
    if given.get("filename"):
        file["name"] = given["filename"]
    return file


def _parts_down(given: object, spelling: Spelling) -> list[Json]:
    return _each(lambda part: part_down(part, spelling), given)


def message_down(given: Json, spelling: Spelling) -> Json:
    role = str(given.get("role", "ROLE_USER"))
    parts = _parts_down(given.get("parts"), spelling)
    message: Json = {"messageId": given.get("messageId", "")}
    if spelling == "rpc":
        message |= {"kind": "message", "role": role.removeprefix("ROLE_").lower(), "parts": parts}
    else:
        message |= {"role": role, "content": parts}
    return message | _kept(given, "contextId", "taskId", "metadata", "extensions", "referenceTaskIds")


def status_down(given: Json, spelling: Spelling) -> Json:
    status: Json = {"state": state_down(given.get("state"), spelling)}
    if isinstance(given.get("message"), dict):
        status["message"] = message_down(given["message"], spelling)
    return status | _kept(given, "timestamp")


def artifact_down(given: Json, spelling: Spelling) -> Json:
    artifact = {"artifactId": given.get("artifactId", ""), "parts": _parts_down(given.get("parts"), spelling)}
    return artifact | _kept(given, "name", "description", "metadata", "extensions")


def task_down(given: Json, spelling: Spelling) -> Json:
    task: Json = {"id": given.get("id", ""), "contextId": given.get("contextId", "")}
    told = given.get("status")
    task["status"] = status_down(told if isinstance(told, dict) else {}, spelling)
    if artifacts := _each(lambda each: artifact_down(each, spelling), given.get("artifacts")):
        task["artifacts"] = artifacts
    if history := _each(lambda each: message_down(each, spelling), given.get("history")):
        task["history"] = history
    return (task | {"kind": "task"} if spelling == "rpc" else task) | _kept(given, "metadata")


def event_down(given: Json, spelling: Spelling) -> Json:
    """JSON-RPC tells what it is by `kind`, REST by the name it is wrapped in."""
    name = next((each for each in EVENTS if isinstance(given.get(each), dict)), "")
    if not name:
        return given
    inner: Json = given[name]
    if name == "task":
        told = task_down(inner, spelling)
    elif name == "message":
        told = message_down(inner, spelling)
    elif name == "statusUpdate":
        told = _kept(inner, "taskId", "contextId", "metadata")
        status = inner.get("status")
        status = status if isinstance(status, dict) else {}
        # Clients of 0.3 read on until they are told that it was the last; one that waits for input sends no more.
        told |= {"status": status_down(status, spelling), "final": status.get("state") in FINAL_STATES}
    else:
        told = _kept(inner, "taskId", "contextId", "metadata")
        artifact = inner.get("artifact")
        told["artifact"] = artifact_down(artifact if isinstance(artifact, dict) else {}, spelling)
        told |= {flag: bool(inner.get(flag)) for flag in ("append", "lastChunk")}
    return {**told, "kind": _SHORT[name]} if spelling == "rpc" else {name: told}


def push_down(given: Json, spelling: Spelling) -> Json:
    config = _kept(given, "id", "url", "token")
    told = given.get("authentication")
    if isinstance(told, dict):
        config["authentication"] = {
            "schemes": [told["scheme"]] if told.get("scheme") else [],
            **_kept(told, "credentials"),
        }
    if spelling == "rest":
        name = f"tasks/{given.get('taskId', '')}/pushNotificationConfigs/{given.get('id', '')}"
        return {"name": name, "pushNotificationConfig": config}
    return {**_kept(given, "taskId"), "pushNotificationConfig": config}


def send_down(given: Json, spelling: Spelling) -> Json:
    message = message_down(given.get("message") or {}, spelling)
    params: Json = {"message" if spelling == "rpc" else "request": message}
    told = given.get("configuration")
    asked = told if isinstance(told, dict) else {}
    configuration = _kept(asked, "acceptedOutputModes")
    if asked.get("historyLength"):
        configuration["historyLength"] = asked["historyLength"]
    configuration["blocking"] = asked.get("returnImmediately") is not True
    if isinstance(asked.get("taskPushNotificationConfig"), dict):
        pushed = push_down(asked["taskPushNotificationConfig"], "rpc")["pushNotificationConfig"]
        configuration["pushNotificationConfig" if spelling == "rpc" else "pushNotification"] = pushed
    return {**params, "configuration": configuration, **_kept(given, "metadata")}


# --- a task and its events --------------------------------------------------------------------------------------------


def merged(task: Json, event: Json) -> Json:
    """The task after one event about it, both in the shape of 1.0; what was given is not changed."""
    told, status, update = event.get("task"), event.get("statusUpdate"), event.get("artifactUpdate")
    if isinstance(told, dict):
        return dict(told)
    if isinstance(status, dict) and isinstance(status.get("status"), dict):
        return {**task, "status": status["status"]}
    if isinstance(update, dict) and isinstance(update.get("artifact"), dict):
        return {
            **task,
            "artifacts": _with_artifact(task.get("artifacts"), update["artifact"], update.get("append") is True),
        }
    return task


def _with_artifact(given: object, artifact: Json, append: bool) -> list[Any]:
    artifacts = list(given) if isinstance(given, list) else []
    for place, each in enumerate(artifacts):
        if isinstance(each, dict) and each.get("artifactId") == artifact.get("artifactId"):
            if append and isinstance(each.get("parts"), list) and isinstance(artifact.get("parts"), list):
                artifact = {**each, "parts": [*each["parts"], *artifact["parts"]]}
            artifacts[place] = artifact
            return artifacts
    return [*artifacts, artifact]
