import Button from "@mui/material/Button";
import Dialog from "@mui/material/Dialog";
import DialogActions from "@mui/material/DialogActions";
import DialogContent from "@mui/material/DialogContent";
import DialogTitle from "@mui/material/DialogTitle";
import type { ReactNode } from "react";
import { Code, CopyButton } from "./copy";

/** Something that is shown once and never again. */
export function ShownOnce({
  title,
  warning,
  text,
  children,
  onClose,
}: {
  title: string;
  warning: string;
  text: string;
  children?: ReactNode;
  onClose: () => void;
}) {
  return (
    <Dialog open aria-labelledby="once-title">
      <DialogTitle id="once-title">{title}</DialogTitle>
      <DialogContent>
        <div className="stack">
          <p className="notice warn">{warning}</p>
          <Code text={text} label={title} />
          {children}
        </div>
      </DialogContent>
      <DialogActions>
        <CopyButton text={text} variant="contained" />
        <Button onClick={onClose}>I have stored it</Button>
      </DialogActions>
    </Dialog>
  );
}
