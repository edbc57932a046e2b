import Button from "@mui/material/Button";
import Drawer from "@mui/material/Drawer";
import { type ReactNode, useId } from "react";

/** A sheet at the right for one thing of a list, with the list still in sight. */
export function SideSheet({
  title,
  children,
  onClose,
}: {
  title: ReactNode;
  children: ReactNode;
  onClose: () => void;
}) {
  const id = useId();
  return (
    <Drawer
      anchor="right"
      open
      onClose={onClose}
      slotProps={{ paper: { "aria-labelledby": id, sx: { width: "min(460px, 100vw)", p: 5 } } }}
    >
      <div className="stack">
        <div className="row apart" style={{ flexWrap: "nowrap" }}>
          <h2 id={id} className="break" style={{ fontSize: 16 }}>
            {title}
          </h2>
          <Button onClick={onClose}>Close</Button>
        </div>
        {children}
      </div>
    </Drawer>
  );
}
