"""An app to hold the host's stand-in against: it tells what it sees, and fails when it is asked to."""

import asyncio
import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
STORAGE = "AzureWebJobsStorage"


def note(**seen: object) -> None:
    """Write down what came, where the test reads it."""
    with Path(os.environ["SAMPLE_NOTES"]).open("a") as file:
        file.write(json.dumps(seen) + "\n")


def _seen(req: func.HttpRequest) -> str:
    return json.dumps(
        {
            "method": req.method,
            "url": req.url,
            "query": dict(req.params),
            "params": dict(req.route_params),
            "headers": dict(req.headers),
            "body": req.get_body().decode(),
        }
    )


def _hold() -> None:
    while not Path(os.environ["SAMPLE_NOTES"] + ".let-go").exists():
        time.sleep(0.02)


@app.route(route="things/{id}/parts/{part}", methods=["GET"])
async def get_part(req: func.HttpRequest) -> func.HttpResponse:
    """Asynchronous."""
    return func.HttpResponse(_seen(req), mimetype="application/json")


@app.route(route="things/mine/parts/{part}", methods=["GET"])
async def get_mine(req: func.HttpRequest) -> func.HttpResponse:
    """A literal part goes before a named one."""
    return func.HttpResponse("mine", status_code=203)


@app.route(route="things", methods=["POST"])
def make(req: func.HttpRequest) -> func.HttpResponse:
    """Synchronous, with a cookie."""
    cookie = "session=a/b=; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict"
    return func.HttpResponse(_seen(req), status_code=201, headers={"Set-Cookie": cookie, "Location": "/things/1"})


@app.route(route="", methods=["GET"])
async def named(req: func.HttpRequest) -> func.HttpResponse:
    """An empty route is none: the function's name is."""
    return func.HttpResponse("named")


@app.route(route="slow", methods=["GET"])
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Takes a while, for a host that is told to stop meanwhile."""
    note(slow="begun")
    await asyncio.sleep(0.5)
    return func.HttpResponse("done")


@app.route(route="wrong", methods=["GET"])
async def wrong(req: func.HttpRequest) -> func.HttpResponse:
    """Fails."""
    raise RuntimeError("as it was asked to")


@app.queue_trigger(arg_name="message", queue_name="work", connection=STORAGE)
async def work(message: func.QueueMessage) -> None:
    """Does as the message says."""
    text = message.get_body().decode()
    note(queue="work", text=text, count=message.dequeue_count, inserted=str(message.insertion_time))
    if text == "hold":
        await asyncio.to_thread(_hold)
    if text.startswith("die"):
        os._exit(9)
    if text.startswith("fail"):
        raise RuntimeError("as it was asked to")


@app.queue_trigger(arg_name="message", queue_name="work-poison", connection=STORAGE)
def give_up(message: func.QueueMessage) -> None:
    """The last resort; synchronous."""
    text = message.get_body().decode("utf-8", "replace")
    note(queue="work-poison", text=text, count=message.dequeue_count)
    if text == "fail always":
        raise RuntimeError("as it was asked to")


@app.timer_trigger(arg_name="due", schedule="0 0 * * * *", run_on_startup=False)
def hourly(due: func.TimerRequest) -> None:
    """Monitored."""
    note(timer="hourly", past_due=due.past_due, next=due.schedule_status.get("Next"))


@app.timer_trigger(arg_name="due", schedule="%SAMPLE_SCHEDULE%", run_on_startup=False, use_monitor=False)
def lazy(due: func.TimerRequest) -> None:
    """Not monitored, and slower than it is due."""
    note(timer="lazy", past_due=due.past_due, begun=time.monotonic())
    time.sleep(0.3)
    note(timer="lazy", ended=time.monotonic())
