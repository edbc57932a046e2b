import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import { Facts } from "../../parts/page";
import type { Group } from "./rooms";

export function Help({ groups, onClose }: { groups: Group[]; onClose: () => void }) {
  const keys = (...names: string[]) => (
    <span className="row">
      {names.map((name) => (
        <kbd key={name}>{name}</kbd>
      ))}
    </span>
  );
  return (
    <Dialog open onClose={onClose} aria-labelledby="help-title">
      <DialogTitle id="help-title">Keyboard</DialogTitle>
      <DialogContent>
        <div className="halves" style={{ gridTemplateColumns: "repeat(auto-fit, minmax(220px, 1fr))" }}>
          <Facts
            of={[
              ["Find or do", keys("Ctrl K", "/")],
              ["Next, previous row", keys("j", "k")],
              ["Open the row", keys("Enter")],
              ["Back", keys("Esc")],
              ["This overview", keys("?")],
            ]}
          />
          <Facts
            of={groups.flatMap((group) =>
              group.rooms.map((room) => [room.name, keys("g", room.letter)] as [string, React.ReactNode]),
            )}
          />
        </div>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>Close</Button>
      </DialogActions>
    </Dialog>
  );
}
