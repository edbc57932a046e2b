"""Agents from their address to a task that is cancelled: registered by their card, tried, and chosen by what they can do."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import NewContext, Troubles, sign_in
from tests.e2e.house import OWNER, House
from tests.e2e.pages import Base
from tests.e2e.test_looks import judge
from tests.gateway.a2a_agents import echo_agent

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


class Agents(Base):
    path = "/agents"
    title = "Agents"


class Register(Base):
    path = "/agents/new"
    title = "Register an agent"

    def read_card(self, url: str) -> None:
        self.main.get_by_label("Address of the agent").fill(url)
        self.button("Read its card").click()


class Agent(Base):
    def __init__(self, page: Page, name: str) -> None:
        super().__init__(page)
        self.path, self.title = f"/agents/{name}", name

    def view(self, name: str) -> None:
        self.main.get_by_role("navigation", name="Views of this agent").get_by_role("link", name=name).click()
        self.settled()

    @property
    def conversation(self) -> Locator:
        return self.main.get_by_role("log", name="Conversation")

    @property
    def told(self) -> Locator:
        """What came of the message that was sent last."""
        return self.conversation.get_by_role("list", name="What the agent told").last

    def say(self, text: str) -> None:
        self.main.get_by_role("textbox", name=re.compile("^(Say something to|Answer) ")).fill(text)
        self.button("Send").click()


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    with echo_agent() as url:
        yield url


@pytest.fixture(scope="module")
def parrot(house: House, echo: str) -> Iterator[str]:
    """An agent behind the door, once the gateway knows it."""
    with house.owner() as owner:
        owner.make("/agents", url=echo, name="parrot")
    with house.caller() as shop, house.owner() as owner:
        card = "/a2a/parrot/.well-known/agent-card.json"
        owner.wait_for(lambda: shop.get(card).status_code == 200, "the agent behind the door")
    yield "parrot"
    # The house is shared: nobody else shall see an agent that is gone.
    with house.owner() as owner:
        assert owner.client.delete("/services/parrot").is_success


@pytest.mark.req("HY1")
def test_an_agent_is_registered_by_its_address(house: House, echo: str, owner_page: Page) -> None:
    page = Register(owner_page).open()
    page.button("Read its card").click()
    expect(page.main).to_contain_text("Must be a whole address")
    page.read_card(echo)
    said = page.main.get_by_role("region", name="What its card says")
    expect(said).to_contain_text("Echo 1.0.0")
    expect(said).to_contain_text("A2A 1.0 over JSON-RPC and REST")
    name = page.main.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("echo")
    name.fill("Not a name")
    page.button("Register agent").click()
    expect(page.main).to_contain_text("small letters, digits and dashes")
    name.fill("echo-of-e2e")
    page.button("Register agent").click()

    agent = Agent(owner_page, "echo-of-e2e").ready()
    expect(agent.main.get_by_role("region", name="How to call it")).to_contain_text(f"{house.url}/a2a/echo-of-e2e")
    expect(agent.main.get_by_role("list", name="What happened")).to_contain_text("agent.registered")
    agent.main.get_by_role("link", name="Agents", exact=True).click()
    listed = Agents(owner_page).ready().row("echo-of-e2e")
    expect(listed).to_contain_text("Echo 1.0.0")
    expect(listed).to_contain_text("1.0, 0.3")
    listed.get_by_role("link").click()
    agent.ready().button("Delete").click()
    agent.fill(Type_echo="echo-of-e2e")
    agent.confirm("Delete agent")
    expect(Agents(owner_page).ready().row("echo-of-e2e")).to_have_count(0)


@pytest.mark.req("HY1")
def test_an_agent_is_tried_answered_and_cancelled(parrot: str, owner_page: Page) -> None:
    agent = Agent(owner_page, parrot).open("?tab=try")
    agent.say("good morning")
    expect(agent.conversation).to_contain_text("echo: good morning")
    expect(agent.conversation).to_contain_text("completed")
    expect(agent.conversation.get_by_role("link", name="the call, stage by stage")).to_be_visible()

    agent.say("need")
    expect(agent.conversation).to_contain_text("which?")
    expect(agent.main.get_by_label("Answer parrot")).to_be_visible()
    agent.say("this one")
    expect(agent.conversation).to_contain_text("echo: this one")

    expect(agent.button("Send")).to_be_visible()
    agent.say("long")
    expect(agent.told).to_contain_text("working")
    agent.button("Cancel task").click()
    expect(agent.told).to_contain_text("canceled")
    expect(agent.button("Cancel task")).to_have_count(0)

    agent.view("Tasks")
    agent.row("canceled").first.get_by_role("button").click()
    expect(agent.dialog).to_contain_text("long")


@pytest.mark.req("HY4")
def test_the_mesh_says_which_agent_would_get_a_task_and_why(parrot: str, owner_page: Page, troubles: Troubles) -> None:
    troubles.expect("503")
    mesh = Agents(owner_page).open("/mesh")
    expect(mesh.row(parrot)).to_contain_text("echo")
    card = mesh.main.get_by_role("region", name="Which agent would get it")
    card.get_by_label("What must be done").fill("talk")
    mesh.button("Choose an agent").click()
    outcome = mesh.main.get_by_role("region", name="Which agent, and why")
    expect(outcome).to_contain_text("parrot would get it: can do 'talk'")
    card.get_by_label("What must be done").fill("fly")
    mesh.button("Choose an agent").click()
    expect(card.get_by_role("alert")).to_contain_text("fly")


@pytest.mark.req("SP14")
def test_the_pages_are_accessible_and_fit_a_phone(
    house: House, echo: str, parrot: str, new_context: NewContext
) -> None:
    page = sign_in(new_context(reduced_motion="reduce"), OWNER).new_page()
    with house.caller() as shop:
        message = {"messageId": "m-1", "role": "ROLE_USER", "parts": [{"text": "good morning"}]}
        body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
        assert shop.post(f"/a2a/{parrot}", json=body, headers={"A2A-Version": "1.0"}).json()["result"]
    with house.owner() as owner:
        owner.wait_for(lambda: owner.get(f"/agents/{parrot}/tasks")["items"] != [], "the task on the record")
    wrong = judge("agents", Agents(page).open()) | judge("agents-mesh", Agents(page).open("/mesh?capability=echo"))
    register = Register(page).open()
    register.read_card(echo)
    expect(register.main).to_contain_text("What its card says")
    wrong |= judge("agents-register", register)
    agent = Agent(page, parrot)
    for view in ("", "?tab=tasks"):
        wrong |= judge(f"agent{view.replace('?tab=', '-')}", agent.open(view))
    agent.open("?tab=try").say("good morning")
    expect(agent.conversation).to_contain_text("completed")
    wrong |= judge("agent-try", agent)
    assert wrong == {}
