import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";

export interface Shortcuts {
  openPalette: () => void;
  openHelp: () => void;
  /** The room behind `g` and a letter. */
  rooms: Record<string, string>;
}

const patienceMs = 1_200;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

function isCovered(): boolean {
  return document.querySelector('[role="dialog"], [role="menu"], [role="listbox"]') !== null;
}

/** j and k walk along the rows of the page; the link inside each row takes the focus. */
function step(direction: 1 | -1) {
  const stops = [...document.querySelectorAll<HTMLElement>("main tr[data-row] [data-open]")];
  if (stops.length === 0) return;
  const at = stops.indexOf(document.activeElement as HTMLElement);
  const next =
    at === -1 ? (direction === 1 ? 0 : stops.length - 1) : Math.min(stops.length - 1, Math.max(0, at + direction));
  stops[next]?.focus();
  stops[next]?.scrollIntoView({ block: "nearest" });
}

export function useKeyboard({ openPalette, openHelp, rooms }: Shortcuts) {
  const navigate = useNavigate();
  const leaderAt = useRef(0);
  useEffect(() => {
    function press(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        return openPalette();
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || isCovered()) return;
      const led = Date.now() - leaderAt.current < patienceMs;
      leaderAt.current = 0;
      const room = led ? rooms[event.key] : undefined;
      if (room) {
        event.preventDefault();
        return void navigate(room);
      }
      switch (event.key) {
        case "g":
          leaderAt.current = Date.now();
          return;
        case "/":
          event.preventDefault();
          return openPalette();
        case "?":
          return openHelp();
        case "j":
          return step(1);
        case "k":
          return step(-1);
        case "Escape":
          document.querySelector<HTMLElement>("main [data-back]")?.click();
      }
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [navigate, openHelp, openPalette, rooms]);
}

/** After a change of page the reading starts at its top, for the keyboard and for screen readers. */
export function useFocusOnArrival() {
  const { pathname } = useLocation();
  const seen = useRef(pathname);
  useEffect(() => {
    if (seen.current === pathname) return;
    seen.current = pathname;
    document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
  }, [pathname]);
}
