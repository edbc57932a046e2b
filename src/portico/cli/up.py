"""`portico up`: Portico, two sample services and a demo org, with a handful of real calls to look at."""

import asyncio
import secrets
import signal
import socket
import time
from types import FrameType
from typing import Annotated

import typer

from portico.cli import demo, tour
from portico.cli.children import Child
from portico.cli.client import Client
from portico.cli.failures import CommandFailed, NotSignedIn
from portico.cli.installation import on_the_ground, settings_here
from portico.cli.output import put, say
from portico.cli.profiles import Profile
from portico.platform.settings import Settings


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def up(
    once: Annotated[bool, typer.Option("--once", help="Show it, then stop; 0 when all went as it should.")] = False,
    password: Annotated[str | None, typer.Option(envvar="PORTICO_PASSWORD", hidden=True)] = None,
) -> None:
    """Start Portico with two sample services and show real calls. This is what `make run` does."""
    settings = settings_here()
    if settings.environment == "production":
        raise CommandFailed(
            "portico up makes a demo org, which has no place in production.",
            next_step="run `portico setup` and `portico serve`; see docs/guides/production.md",
        )
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    installation = Installation(settings)
    try:
        good = _show(installation, password)
        if not once:
            installation.watch()
    except Stopped:
        say("\nStopping: running calls may finish first (Ctrl-C again does not wait) ...")
        # Whoever stops the tour before its end has not seen it fail.
        good = not once
    finally:
        installation.stop()
    raise typer.Exit(0 if good or not once else 1)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def _show(installation: "Installation", password: str | None) -> bool:
    url = installation.start()
    keepsake = demo.Keepsake(installation.settings)
    kept = keepsake.load()
    if not demo.still_works(url, kept.setup):
        kept = demo.Kept(setup=_sign_in_as_owner(installation.settings, url, password))
        keepsake.save(kept)
    with Client(Profile(url=url, key=kept.setup)) as api:
        samples = installation.start_samples(demo.last_ports(api))
        say("Registering the services inventory and summariser, keys, a limit and two budgets ...")
        kept = demo.set_up(api, kept, samples)
        keepsake.save(kept)
        say("Sending real calls through the gateway ...")
        good = tour.report(tour.take(url, kept, api), api, url)
    put(f"Portico:     {url}   (sign in as {demo.OWNER_EMAIL})")
    return good


def _sign_in_as_owner(settings: Settings, url: str, password: str | None) -> str:
    """Make the demo org if it is not there, sign in through the API, and return a fresh key for setting things up."""
    chosen = password or demo.new_password()
    with on_the_ground():
        created = asyncio.run(_seed(settings, chosen))
    with Client(Profile(url=url)) as owner:
        try:
            owner.sign_in(demo.OWNER_EMAIL, chosen)
        except NotSignedIn as refused:
            raise CommandFailed(
                f"The demo org is there, but its setup key is gone and the password of {demo.OWNER_EMAIL} is not known here.",
                next_step="give it: PORTICO_PASSWORD=... make run, or start afresh with another PORTICO_DATA_DIR",
            ) from refused
        if created and not password:
            put(f"The demo owner's password, shown only now: {chosen}   (email {demo.OWNER_EMAIL})")
        return demo.make_setup_key(owner)


async def _seed(settings: Settings, password: str) -> bool:
    """True when the owner was made just now."""
    from portico.domains.tenancy import public as tenancy
    from portico.platform.deps import open_deps

    async with open_deps(settings) as deps:
        seeded = await tenancy.seed_owner(
            deps, demo.ORG_NAME, demo.ORG_SLUG, demo.OWNER_EMAIL, demo.OWNER_NAME, password
        )
    return bool(seeded.created)


class Installation:
    """Portico and the two sample programs as children of this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._logs = settings.data_dir.absolute() / "logs"
        self._serve = Child("Portico", ["-m", "portico", "serve"], self._logs / "serve.log")
        self._samples: list[Child] = []
        self._restarts = 0

    def start(self) -> str:
        began = time.monotonic()
        say(f"Starting Portico, data in {self.settings.data_dir} ...")
        if self.settings.database.url:
            # Portico brings only its own embedded database up to date by itself.
            from portico.platform import migrate

            with on_the_ground():
                migrate.upgrade(self.settings)
        self._serve.start()
        # It says so only when it answers; asking the port alone could be answered by another Portico.
        self._serve.wait_for_address(self.settings.server.startup_wait_s + 10)
        url = local_url(self.settings)
        say(f"Ready at {url} after {time.monotonic() - began:.1f} s.")
        return url

    def start_samples(self, ports: dict[str, int]) -> demo.Samples:
        """`ports`: where they listened the last time; when still free, what is registered stays true."""
        folder = demo.examples_folder()
        if folder is None:
            raise CommandFailed(
                "The sample services are not here; they come with a checkout of Portico.",
                next_step="run portico serve, and add your own service: portico services add",
            )
        key = secrets.token_urlsafe(32)
        inventory = self._sample("inventory", [str(folder / "inventory_service.py")], ports.get("inventory"))
        model = self._sample(
            "model-server", [str(folder / "model_server.py")], ports.get("summariser"), {"MODEL_SERVER_API_KEY": key}
        )
        return demo.Samples(inventory, model, key)

    def _sample(
        self, name: str, arguments: list[str], port: int | None, environment: dict[str, str] | None = None
    ) -> str:
        wanted = port if port is not None and _is_free(port) else 0
        sample = Child(name, [*arguments, "--port", str(wanted)], self._logs / f"sample-{name}.log", environment)
        sample.start()
        self._samples.append(sample)
        url = sample.wait_for_address(10)
        # Started again, it must be where it is registered.
        sample.arguments = [*arguments, "--port", url.rpartition(":")[2]]
        return url

    def watch(self) -> None:
        """Until stopped. A sample that ends is started again; when Portico ends, so do we."""
        say("Running; Ctrl-C stops everything.")
        while True:
            time.sleep(0.5)
            if not self._serve.alive:
                raise self._serve.failure(f"ended with {self._serve.exit_code}")
            for sample in self._samples:
                if not sample.alive and self._restarts < 100:
                    self._restarts += 1
                    say(f"The sample {sample.name} ended with {sample.exit_code}; starting it again.")
                    sample.start()

    def stop(self) -> None:
        """Portico first, so that running calls can finish with their services."""
        try:
            self._serve.stop(self.settings.server.drain_s + 10)
        except Stopped:
            self._serve.stop(0)
        for sample in self._samples:
            sample.stop(5)


def local_url(settings: Settings) -> str:
    """How to reach it from here, whatever its public address is."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
