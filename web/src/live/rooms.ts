/**
 * Rooms: topics about one thing, "dashboard:…", each with one listener that speaks for itself. The listener hears when the
 * socket is there and when it is lost, subscribes by its own frame, and gets every frame of its topic.
 */
export interface RoomFrame {
  type: string;
  topic: string;
}

export interface RoomListener<F extends RoomFrame = RoomFrame> {
  connected: () => void;
  lost: () => void;
  frame: (frame: F) => void;
}

export interface Room {
  /** Goes nowhere while the socket is away; the listener says again what matters once it is back. */
  send: (frame: object) => void;
  leave: () => void;
}

export interface Rooms {
  join: (topic: string, listener: RoomListener) => Room;
  /** The socket was greeted, and takes frames by `send`. */
  open: (send: (frame: object) => void) => void;
  lose: () => void;
  deliver: (frame: RoomFrame) => void;
}

export const isRoom = (topic: string): boolean => topic.includes(":");

export function createRooms(): Rooms {
  const listeners = new Map<string, RoomListener>();
  let send: ((frame: object) => void) | null = null;

  return {
    join: (topic, listener) => {
      listeners.set(topic, listener);
      // Not before the caller holds the room that it will answer through.
      queueMicrotask(() => {
        if (send && listeners.get(topic) === listener) listener.connected();
      });
      return {
        send: (frame) => send?.(frame),
        leave: () => {
          if (listeners.get(topic) !== listener) return;
          listeners.delete(topic);
          send?.({ type: "unsubscribe", topic });
        },
      };
    },
    open: (by) => {
      send = by;
      for (const listener of [...listeners.values()]) listener.connected();
    },
    lose: () => {
      if (send === null) return;
      send = null;
      for (const listener of [...listeners.values()]) listener.lost();
    },
    deliver: (frame) => listeners.get(frame.topic)?.frame(frame),
  };
}
