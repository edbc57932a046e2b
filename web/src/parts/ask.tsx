import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import TextField from "@mui/material/TextField";
import { type ReactNode, useState } from "react";
import { Trouble } from "./trouble";

interface AskProps {
  title: string;
  children: ReactNode;
  /** What the button does, in a verb: "Revoke key". */
  verb: string;
  /** For what cannot be undone: the name must be typed. */
  typeName?: string;
  busy: boolean;
  error: Error | null;
  onYes: () => void;
  onClose: () => void;
}

/** Nothing destructive without a sentence that names the thing. Put it on the screen only while it is asked. */
export function Ask({ title, children, verb, typeName, busy, error, onYes, onClose }: AskProps) {
  const [typed, setTyped] = useState("");
  const ready = typeName === undefined || typed === typeName;
  return (
    <Dialog open onClose={onClose} aria-labelledby="ask-title">
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) onYes();
        }}
      >
        <DialogTitle id="ask-title">{title}</DialogTitle>
        <DialogContent>
          <div className="stack">
            <div>{children}</div>
            {typeName !== undefined && (
              <TextField
                label={`Type ${typeName} to confirm`}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
                autoComplete="off"
                autoFocus
                margin="dense"
              />
            )}
            {error && <Trouble error={error} />}
          </div>
        </DialogContent>
        <DialogActions>
          <Button onClick={onClose}>Keep it</Button>
          <Button type="submit" variant="contained" color="error" disabled={!ready || busy}>
            {busy ? "Working…" : verb}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** A form in a dialog. */
export function FormDialog({
  title,
  children,
  verb,
  busy,
  ready = true,
  error,
  onSubmit,
  onClose,
  wide,
}: {
  title: string;
  children: ReactNode;
  verb: string;
  busy: boolean;
  ready?: boolean;
  error: Error | null;
  onSubmit: () => void;
  onClose: () => void;
  wide?: boolean;
}) {
  return (
    <Dialog open onClose={busy ? undefined : onClose} maxWidth={wide ? "md" : "sm"} aria-labelledby="form-title">
      <form
        className="dialog-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation();
          if (!busy) onSubmit();
        }}
      >
        <DialogTitle id="form-title">{title}</DialogTitle>
        <DialogContent>
          <div className="stack">
            {children}
            {error && <Trouble error={error} />}
          </div>
        </DialogContent>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="contained" disabled={busy || !ready}>
            {busy ? "Working…" : verb}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
