import Button from "@mui/material/Button";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { Trouble } from "../../parts/trouble";

/** A page that is not there, or that broke while it was drawn. */
export function Lost() {
  const error = useRouteError();
  const missing = !error || (isRouteErrorResponse(error) && error.status === 404);
  return (
    <div className="stack" style={{ padding: missing ? 0 : 20, maxWidth: 640 }}>
      <title>Not found · Portico</title>
      <h1>{missing ? "There is no such page" : "This page could not be shown"}</h1>
      {!missing && <Trouble error={error} retry={() => location.reload()} />}
      <p className="dim">
        {missing
          ? "The address may be old or mistyped."
          : "Reloading helps when Portico was updated while this tab was open."}
      </p>
      <div>
        <Button component={Link} to="/" variant="contained">
          Go home
        </Button>
      </div>
    </div>
  );
}
