import { useSyncExternalStore } from "react";
import { client } from "./client";
import type { Me, Permission } from "./types";

export function useSession() {
  return useSyncExternalStore(client.watch, client.session);
}

/** The person behind the screen; only for rooms, which are shown to signed-in people alone. */
export function useMe(): Me {
  const session = useSession();
  if (session.state !== "in") throw new Error("A room was shown without a sign-in");
  return session.me;
}

export function useMay(permission: Permission): boolean {
  return useMe().permissions.includes(permission);
}

export function useIsSuperadmin(): boolean {
  return useMe().person?.is_superadmin ?? false;
}
