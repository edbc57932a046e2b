import { ApiError, errorOf, unreachable } from "./errors";
import type { Me, SignedIn } from "./types";

export const apiBase = "/api/v1";

export type Params = Record<string, string | number | boolean | null | undefined>;

export type Session =
  | { state: "starting"; me: null }
  | { state: "out"; me: null; lost: boolean }
  | { state: "in"; me: Me };

export interface ClientParts {
  fetch: typeof fetch;
  /** Runs the work while no other tab does the same, so that two tabs never spend one refresh token. */
  exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

export type Client = ReturnType<typeof createClient>;

export function withParams(path: string, params?: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params ?? {})) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The one way to the server. The access token is kept in this closure and nowhere else. */
export function createClient(parts: ClientParts) {
  let token: string | null = null;
  let refreshing: Promise<boolean> | null = null;
  let session: Session = { state: "starting", me: null };
  const watchers = new Set<() => void>();

  function become(next: Session) {
    session = next;
    for (const watcher of watchers) watcher();
  }

  function admit(answer: SignedIn): Me {
    token = answer.access_token;
    become({ state: "in", me: answer.me });
    return answer.me;
  }

  function leave(lost: boolean) {
    token = null;
    become({ state: "out", me: null, lost });
  }

  async function reach(path: string, init: RequestInit): Promise<Response> {
    try {
      return await parts.fetch(path, { credentials: "same-origin", ...init });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw unreachable(path);
    }
  }

  async function askRefresh(): Promise<boolean> {
    const wasIn = session.state === "in";
    const response = await parts.exclusively(() => reach(`${apiBase}/auth/refresh`, { method: "POST" }));
    if (response.ok) {
      admit((await response.json()) as SignedIn);
      return true;
    }
    if (response.status >= 500) throw await errorOf(response);
    leave(wasIn);
    return false;
  }

  /** Many callers may need a new token at once; they all wait for one request. */
  function refresh(): Promise<boolean> {
    refreshing ??= askRefresh().finally(() => {
      refreshing = null;
    });
    return refreshing;
  }

  /** Sends with the token; on 401 takes a new one and tries once more. Answers are passed on as they are. */
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const used = token;
    const attempt = () => {
      const headers = new Headers(init.headers);
      if (token) headers.set("Authorization", `Bearer ${token}`);
      return reach(path, { ...init, headers });
    };
    const first = await attempt();
    if (first.status !== 401 || first.headers.get("X-Portico-Origin") === "upstream") return first;
    const renewed = token !== used ? token !== null : await refresh();
    return renewed ? attempt() : first;
  }

  async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const init: RequestInit = { method, signal: signal ?? null };
    if (body !== undefined) {
      init.headers = { "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    const response = await send(`${apiBase}${path}`, init);
    if (!response.ok) throw await errorOf(response);
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
  }

  /** For sign-in and invitations: no token goes along and a 401 is the answer, not a reason to refresh. */
  async function enter(path: string, body: unknown): Promise<Me> {
    const response = await reach(`${apiBase}${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw await errorOf(response);
    return admit((await response.json()) as SignedIn);
  }

  return {
    get: <T>(path: string, params?: Params, signal?: AbortSignal) =>
      ask<T>("GET", withParams(path, params), undefined, signal),
    post: <T>(path: string, body: unknown = {}) => ask<T>("POST", path, body),
    put: <T>(path: string, body: unknown = {}) => ask<T>("PUT", path, body),
    patch: <T>(path: string, body: unknown) => ask<T>("PATCH", path, body),
    /** A file, as it is. */
    file: async (path: string): Promise<Blob> => {
      const response = await send(`${apiBase}${path}`);
      if (!response.ok) throw await errorOf(response);
      return response.blob();
    },
    remove: (path: string) => ask<void>("DELETE", path),
    send,
    refresh,
    signIn: (body: { email: string; password: string; org_id?: string }) => enter("/auth/sign-in", body),
    acceptInvitation: (body: { token: string; name: string; password: string }) =>
      enter("/auth/invitations/accept", body),
    switchTo: async (org_id: string, scope: string) => {
      const response = await ask<SignedIn>("POST", "/auth/switch", { org_id, scope });
      return admit(response);
    },
    reloadMe: async () => {
      const me = await ask<Me>("GET", "/auth/me");
      become({ state: "in", me });
    },
    signOut: async () => {
      try {
        await ask<void>("POST", "/auth/sign-out", {});
      } catch (cause) {
        if (!(cause instanceof ApiError && cause.status === 401)) throw cause;
      }
      leave(false);
    },
    /** At the start: is there a sign-in to go on with? A server that just restarts is asked again for a little while. */
    resume: async (tries = 6, pauseMs = 1_000) => {
      for (let left = tries; left > 0; left -= 1) {
        try {
          return void (await refresh());
        } catch {
          if (left > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
      leave(false);
    },
    session: () => session,
    watch: (watcher: () => void) => {
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },
  };
}

function exclusively<T>(work: () => Promise<T>): Promise<T> {
  // Web Locks exist in secure contexts only; elsewhere tabs take their chance.
  return navigator.locks ? (navigator.locks.request("portico.refresh", work) as Promise<T>) : work();
}

export const client = createClient({ fetch: (...asked) => globalThis.fetch(...asked), exclusively });
