import Button from "@mui/material/Button";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";
import { Trouble } from "../../parts/trouble";

/** A page that is not there, or that broke while it was drawn. */
export function Lost() {
  const error = useRouteError();
  if (!error || (isRouteErrorResponse(error) && error.status === 404)) return <Missing />;
  // The files of a page are fetched when it is first opened, so a server that is away shows here.
  const unfetched = error instanceof TypeError && /import|module|fetch/i.test(error.message);
  const told = unfetched
    ? new Error("Its files could not be fetched. Portico may be away, or was updated while this tab was open.")
    : error;
  return (
    <div className="stack lost">
      <title>Not shown · Portico</title>
      <h1>This page could not be shown</h1>
      <Trouble error={told} retry={() => location.reload()} />
      <GoHome />
    </div>
  );
}

function Missing() {
  return (
    <div className="stack lost">
      <title>Not found · Portico</title>
      <h1>There is no such page</h1>
      <p className="dim">The address may be old or mistyped.</p>
      <GoHome />
    </div>
  );
}

function GoHome() {
  return (
    <div>
      <Button component={Link} to="/" variant="contained">
        Go home
      </Button>
    </div>
  );
}
