import { useSyncExternalStore } from "react";

interface Toast {
  id: number;
  text: string;
  tone: "ok" | "bad";
}

const stayMs = 6_000;
const most = 4;
let toasts: Toast[] = [];
let lastId = 0;
const watchers = new Set<() => void>();

function become(next: Toast[]) {
  toasts = next;
  for (const watcher of watchers) watcher();
}

const drop = (id: number) => become(toasts.filter((toast) => toast.id !== id));

/** A short word on what just happened, in the corner and for screen readers. */
export function say(text: string, tone: "ok" | "bad" = "ok") {
  lastId += 1;
  const id = lastId;
  become([...toasts, { id, text, tone }].slice(-most));
  setTimeout(() => drop(id), stayMs);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },
    () => toasts,
  );
  return (
    <div className="toasts" aria-live="polite" role="status">
      {shown.map((toast) => (
        <div key={toast.id} className={`toast ${toast.tone}`}>
          <span>{toast.text}</span>
          <button type="button" className="plain-button link" onClick={() => drop(toast.id)}>
            Dismiss
          </button>
        </div>
      ))}
    </div>
  );
}
