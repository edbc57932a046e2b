import Skeleton from "@mui/material/Skeleton";

/** What is on the screen until it is known who is there. */
export function Starting() {
  return (
    <div className="frame" role="status" aria-label="Loading Portico">
      <div className="rail" />
      <div>
        <div className="topbar" />
        <div style={{ padding: 20 }} className="stack">
          <Skeleton height={28} width={180} />
          <div className="tiles">
            {["a", "b", "c", "d"].map((tile) => (
              <Skeleton key={tile} height={140} />
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}
