"""What is set for several control processes, and what is refused at the start."""

import subprocess
import sys

import pytest

from portico.platform.settings import SettingsInvalid, load_settings

URL = "redis://:hush-hush@127.0.0.1:6379/0"


@pytest.mark.req("SP22")
def test_the_address_of_redis_is_a_secret() -> None:
    loaded = load_settings({"PORTICO_REDIS_URL": URL})
    assert loaded.settings.redis.url.reveal() == URL
    shown = next(each for each in loaded.effective if each.name == "redis.url")
    assert (shown.value, shown.secret) == ("set", True)
    assert "hush-hush" not in repr(loaded)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "hush-hush"])
def test_an_address_of_something_else_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"redis\.url") as refused:
        load_settings({"PORTICO_REDIS_URL": url})
    assert url not in str(refused.value)


@pytest.mark.parametrize("name", ["", "-one", "Gateway", "../one", "a" * 41])
def test_the_name_of_a_gateway_can_be_a_folder(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"gateway\.id"):
        load_settings({"PORTICO_GATEWAY_ID": name})


def test_a_time_below_zero_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"cache\.dashboards_ttl_s: -1"):
        load_settings({"PORTICO_CACHE_DASHBOARDS_TTL_S": "-1"})


def test_without_redis_its_client_is_not_even_loaded() -> None:
    asked = "import sys, portico.control; print('redis' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "False"
