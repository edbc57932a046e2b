import { describe, expect, it } from "vitest";
import { createClient, withParams } from "./client";
import { ApiError } from "./errors";

interface Asked {
  path: string;
  method: string;
  token: string | null;
}

const me = {
  person: null,
  key: null,
  org: null,
  scope: "ENTERPRISE",
  role: null,
  is_owner: false,
  permissions: [],
  orgs: [],
};
const signedIn = (token: string) => ({ access_token: token, expires_in_s: 3600, me });
const envelope = {
  code: "INVALID_INPUT",
  message: "The draft is not valid",
  correlation_id: "req-1",
  error: {
    code: "E9302",
    message: "The draft is not valid",
    details: "Correct the fields",
    timestamp: "",
    path: "",
    trace_id: null,
    fields: [{ field: "email", message: "is taken" }],
  },
};

/** A client against a server that is a function; every request is written down. */
function setUp(serve: (asked: Asked) => Response | Promise<Response>) {
  const log: Asked[] = [];
  const client = createClient({
    fetch: (async (path: string, init: RequestInit) => {
      const asked = { path, method: init.method ?? "GET", token: new Headers(init.headers).get("Authorization") };
      log.push(asked);
      return serve(asked);
    }) as typeof fetch,
    exclusively: (work) => work(),
  });
  return { client, log };
}

describe("a token that ran out", () => {
  const serve = ({ path, token }: Asked) => {
    if (path.endsWith("/auth/sign-in")) return Response.json(signedIn("old"));
    if (path.endsWith("/auth/refresh")) return Response.json(signedIn("new"));
    return token === "Bearer new" ? Response.json({ at: path }) : new Response(null, { status: 401 });
  };

  it("is renewed once for many requests, which are then sent again", async () => {
    const { client, log } = setUp(serve);
    await client.signIn({ email: "a@b", password: "x" });
    const answers = await Promise.all(["/calls", "/keys", "/services"].map((path) => client.get(path)));
    expect(answers).toEqual([{ at: "/api/v1/calls" }, { at: "/api/v1/keys" }, { at: "/api/v1/services" }]);
    expect(log.filter((asked) => asked.path.endsWith("/auth/refresh"))).toHaveLength(1);
    expect(log.filter((asked) => asked.token === "Bearer new")).toHaveLength(3);
  });

  it("ends the session when there is nothing to renew it with, and says that it was lost", async () => {
    const { client, log } = setUp((asked) =>
      asked.path.endsWith("/auth/refresh") ? new Response(null, { status: 401 }) : serve({ ...asked, token: null }),
    );
    await client.signIn({ email: "a@b", password: "x" });
    await expect(client.get("/calls")).rejects.toMatchObject({ status: 401 });
    expect(client.session()).toEqual({ state: "out", me: null, lost: true });
    expect(log.filter((asked) => asked.path.endsWith("/calls"))).toHaveLength(1);
  });

  it("keeps the session when the server could not be asked", async () => {
    const { client } = setUp((asked) => {
      if (asked.path.endsWith("/auth/refresh")) throw new TypeError("network");
      return serve(asked);
    });
    await client.signIn({ email: "a@b", password: "x" });
    await expect(client.get("/calls")).rejects.toMatchObject({ status: 0, code: "UNREACHABLE" });
    expect(client.session().state).toBe("in");
  });

  it("is not what a 401 of a service behind the gateway means", async () => {
    const { client, log } = setUp(
      () => new Response("no", { status: 401, headers: { "X-Portico-Origin": "upstream" } }),
    );
    const answer = await client.send("/svc/inventory/");
    expect(answer.status).toBe(401);
    expect(log).toHaveLength(1);
  });
});

describe("the start", () => {
  it("waits for a server that is just restarting", async () => {
    let asked = 0;
    const { client } = setUp(() => {
      asked += 1;
      return asked < 3 ? Response.json(envelope, { status: 503 }) : Response.json(signedIn("new"));
    });
    await client.resume(5, 0);
    expect(client.session().state).toBe("in");
    expect(asked).toBe(3);
  });

  it("shows the door when there is no sign-in, without calling it lost", async () => {
    const { client, log } = setUp(() => new Response(null, { status: 401 }));
    await client.resume(5, 0);
    expect(client.session()).toEqual({ state: "out", me: null, lost: false });
    expect(log).toHaveLength(1);
  });
});

describe("errors", () => {
  it("carry what the envelope says", async () => {
    const { client } = setUp(() => Response.json(envelope, { status: 400 }));
    const error = await client.post("/invitations", {}).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 400,
      code: "E9302",
      message: "The draft is not valid",
      details: "Correct the fields",
      correlationId: "req-1",
      fields: [{ field: "email", message: "is taken" }],
    });
  });

  it("of something in between keep their status and correlation id", async () => {
    const { client } = setUp(
      () => new Response("<html>bad gateway</html>", { status: 502, headers: { "X-Request-Id": "req-2" } }),
    );
    await expect(client.get("/calls")).rejects.toMatchObject({ status: 502, code: "HTTP_502", correlationId: "req-2" });
  });

  it("of a wrong password do not start a refresh", async () => {
    const { client, log } = setUp(() => Response.json(envelope, { status: 401 }));
    await expect(client.signIn({ email: "a@b", password: "x" })).rejects.toMatchObject({ status: 401 });
    expect(log.map((asked) => asked.path)).toEqual(["/api/v1/auth/sign-in"]);
  });
});

describe("requests", () => {
  it("leave out parameters that are not set", () => {
    expect(withParams("/calls", { q: "a b", cursor: null, kind: undefined, verdict: "", page_size: 0 })).toBe(
      "/calls?q=a+b&page_size=0",
    );
  });

  it("answer nothing for 204", async () => {
    const { client } = setUp(() => new Response(null, { status: 204 }));
    expect(await client.remove("/keys/key_1")).toBeUndefined();
  });
});
