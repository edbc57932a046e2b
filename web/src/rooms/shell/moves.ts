import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { client } from "../../api/client";
import { queryClient } from "../../api/query-client";
import { say } from "../../parts/toasts";

/** To another org or scope: nothing of the old one may stay in the cache. */
export function useSwitch() {
  const navigate = useNavigate();
  const { mutate } = useMutation({
    mutationFn: (to: { orgId: string; scope: string }) => client.switchTo(to.orgId, to.scope),
    onSuccess: (me) => {
      queryClient.clear();
      navigate("/");
      say(`You are now in ${me.org?.name}, ${me.scope}.`);
    },
    onError: (error) => say(`Could not switch: ${error.message}`, "bad"),
  });
  return { go: (orgId: string, scope: string) => mutate({ orgId, scope }) };
}

export function useLeave() {
  const { mutate } = useMutation({
    mutationFn: client.signOut,
    onSuccess: () => queryClient.clear(),
    onError: (error) => say(`Could not sign out: ${error.message}`, "bad"),
  });
  return () => mutate();
}
