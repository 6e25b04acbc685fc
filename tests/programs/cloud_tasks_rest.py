"""An emulator of Cloud Tasks by others, with what it lacks in front: REST, the real limits, and signed tokens.

Runs in an environment of its own. Requests are read as strictly as the real service reads them, and go on to the
emulator by gRPC. Before a task is delivered, a token is made for it as its `oidcToken` asks. Time follows a file.
"""

import argparse
import base64
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from uuid import uuid4

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gcloud_tasks_emulator.cloudtasks_pb2_grpc import CloudTasksStub, add_CloudTasksServicer_to_server
from gcloud_tasks_emulator.server import Greeter, Processor, QueueState
from google.api_core.exceptions import NotFound
from google.auth import crypt, jwt
from google.cloud import tasks_v2 as v2
from google.protobuf import json_format

MAX_DELAY = timedelta(days=30)
MAX_BODY_BYTES = 1 << 20
MIN_DEADLINE, MAX_DEADLINE = timedelta(seconds=15), timedelta(minutes=30)
TOKEN_LIFE = 3600
STATUS = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
}
NAMES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 500: "INTERNAL"}


class Refusal(Exception):
    """An answer that the real service would give."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Signer:
    """Makes the tokens by which a function knows who calls it."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._signer, numbers = crypt.RSASigner.from_string(pem, "front"), key.public_key().public_numbers()
        modulus, exponent = _b64(numbers.n), _b64(numbers.e)
        self.keys = {
            "keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "front", "n": modulus, "e": exponent}]
        }

    def token(self, email: str, audience: str, now: datetime) -> str:
        """A token of an account for an audience."""
        issued = int(now.timestamp())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": email,
            "email": email,
            "email_verified": True,
            "sub": "104523196078445210337",
            "iat": issued,
            "exp": issued + TOKEN_LIFE,
        }
        return jwt.encode(self._signer, claims).decode()


class Tasks(QueueState):
    """The emulator's own state, which it loses a thread over if a task is forced just before its turn."""

    def __init__(self, signer: Signer, clock_file: Path) -> None:
        super().__init__("127.0.0.1", 80, max_retries=-1)
        self._signer, self._clock_file = signer, clock_file
        self._one_at_a_time: dict[str, Lock] = {}
        self._delivering: dict[str, v2.Task] = {}

    def now(self) -> datetime:
        """The machine's time plus the seconds in the file."""
        return datetime.now(UTC) + timedelta(seconds=float(self._clock_file.read_text()))

    def create_queue(self, parent: str, queue: v2.Queue) -> v2.Queue:
        """As the emulator does."""
        self._one_at_a_time[queue.name] = Lock()
        return super().create_queue(parent, queue)

    def create_task(self, queue: str, task: v2.Task) -> v2.Task:
        """As the emulator does, which names two tasks of one microsecond alike and gives no time to those due now."""
        task.name = task.name or f"{queue}/tasks/{uuid4().int}"
        task.schedule_time = task.schedule_time or self.now()
        return super().create_task(queue, task)

    def list_tasks(self, queue_name: str) -> list[v2.Task]:
        """Also those on their way, which the emulator leaves out."""
        listed = super().list_tasks
        # Looked at twice: one that comes back meanwhile must not be missed.
        found = [*listed(queue_name), *self._delivering.values(), *listed(queue_name)]
        return list({task.name: task for task in found if task.name.startswith(f"{queue_name}/")}.values())

    def submit_task(self, task_name: str, force_run: bool = False) -> v2.Task | None:  # noqa: FBT001, FBT002 - theirs
        """Deliver a task that is due by the moved clock, or any if forced."""
        queue = task_name.rpartition("/tasks/")[0]
        with self._one_at_a_time[queue]:
            task = next((task for task in self.list_tasks(queue) if task.name == task_name), None)
            if task is None and force_run:
                raise NotFound(f"There is no task {task_name}.")
            if task is None or (task.schedule_time > self.now() and not force_run):
                return task
            # A failed one is due at once; it is the emulator that waits a tenth of a second between tries.
            task.schedule_time = self.now()
            http = v2.Task.pb(task).http_request
            if http.oidc_token.service_account_email:
                audience = http.oidc_token.audience or http.url
                token = self._signer.token(http.oidc_token.service_account_email, audience, self.now())
                http.headers["Authorization"] = f"Bearer {token}"
            self._delivering[task_name] = task
            try:
                return super().submit_task(task_name, force_run=True)
            finally:
                del self._delivering[task_name]


class Front:
    """What REST asks, in the emulator's words."""

    def __init__(self, stub: CloudTasksStub, tasks: Tasks, signer: Signer, queues: list[str]) -> None:
        self._stub, self._tasks, self._signer, self._queues = stub, tasks, signer, queues

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        """The answer's content. Raises Refusal."""
        match method, path:
            case "GET", "/oauth2/v3/certs":
                return self._signer.keys
            case "GET", "/_sim/tasks":
                return {"tasks": self._waiting()}
            case "POST", "/_sim/run-all-now":
                return {"ran": [self._run(task.name) for task in self._listed()]}
            case "POST", "/_sim/clear":
                for queue in self._queues:
                    self._stub.PurgeQueue(v2.PurgeQueueRequest(name=queue))
                return {}
        queue = re.fullmatch(r"/v2/(projects/[^/?]+/locations/[^/?]+/queues/[^/?:]+):(pause|resume)", path)
        if method == "POST" and queue is not None:
            return self._set(queue[1], paused=queue[2] == "pause")
        found = re.fullmatch(r"/v2/(projects/[^/?]+/locations/[^/?]+/queues/[^/?]+)/tasks", path)
        if method != "POST" or found is None:
            raise Refusal(404, "Not found.")
        if not re.fullmatch(r"Bearer \S+", headers.get("authorization", "")):
            raise Refusal(401, "The request does not have a valid authentication credential.")
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refusal(400, "The content is not application/json.")
        return self._create(found[1], body)

    def _set(self, queue: str, *, paused: bool) -> Any:
        if paused:
            self._stub.PauseQueue(v2.PauseQueueRequest(name=queue))
        else:
            self._stub.ResumeQueue(v2.ResumeQueueRequest(name=queue))
        return {}

    def _create(self, parent: str, body: bytes) -> Any:
        request = v2.CreateTaskRequest()
        try:
            json_format.Parse(body, v2.CreateTaskRequest.pb(request))
        except json_format.ParseError as error:
            raise Refusal(400, f"Invalid JSON payload received. {error}") from None
        if request.parent:
            raise Refusal(400, "The parent is said by the path.")
        request.parent = parent
        self._check(request)
        return json_format.MessageToDict(v2.Task.pb(self._stub.CreateTask(request)))

    def _check(self, request: v2.CreateTaskRequest) -> None:
        task = request.task
        http = v2.Task.pb(task).http_request
        if v2.CreateTaskRequest.pb(request).ByteSize() > MAX_BODY_BYTES:
            raise Refusal(400, "Task size too large.")
        if task.name and not re.fullmatch(re.escape(request.parent) + r"/tasks/[A-Za-z0-9_-]{1,500}", task.name):
            raise Refusal(400, "The task's name is not one of its queue.")
        if task.schedule_time and task.schedule_time > self._tasks.now() + MAX_DELAY:
            raise Refusal(400, "The Task.scheduleTime is too far in the future.")
        if not re.match(r"https?://.", http.url):
            raise Refusal(400, "HttpRequest.url must start with http:// or https://.")
        if http.HasField("oidc_token") and "@" not in http.oidc_token.service_account_email:
            raise Refusal(400, "OidcToken.service_account_email must be set.")
        if task.dispatch_deadline and not MIN_DEADLINE <= task.dispatch_deadline <= MAX_DEADLINE:
            raise Refusal(400, "Task.dispatchDeadline must be between [15s, 30m].")

    def _listed(self) -> list[v2.Task]:
        return [
            task for queue in self._queues for task in self._stub.ListTasks(v2.ListTasksRequest(parent=queue)).tasks
        ]

    def _waiting(self) -> list[dict[str, Any]]:
        # Asked for the time afterwards, for one that is delivered meanwhile is due from that moment on.
        listed, now = self._listed(), self._tasks.now()
        return [
            {
                "name": task.name,
                "scheduleTime": task.schedule_time.isoformat(),
                "due": task.schedule_time <= now,
                "body": task.http_request.body.decode("utf-8", "replace"),
                "attempts": task.dispatch_count,
            }
            for task in listed
        ]

    def _run(self, name: str) -> dict[str, Any]:
        try:
            ran = self._stub.RunTask(v2.RunTaskRequest(name=name))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return {"name": name, "status": None}  # its own turn came first
            raise
        return {"name": name, "status": ran.last_attempt.response_status.code}


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                status, content = 200, front.answer(self.command, self.path, self.headers, body)
            except Refusal as refusal:
                status, content = refusal.status, str(refusal)
            except grpc.RpcError as error:
                status, content = STATUS.get(error.code(), 500), error.details()
            if status != 200:
                content = {"error": {"code": status, "message": content, "status": NAMES[status]}}
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_DELETE = do_PATCH = _any  # noqa: N815

        def log_message(self, *_args: Any) -> None:
            """Nothing."""

    return Handler


def main() -> None:
    """Serve until standard input is closed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clock", type=Path, required=True)
    arguments.add_argument("--queue", action="append", required=True, help="projects/…/locations/…/queues/…")
    chosen = arguments.parse_args()
    signer = Signer()
    tasks = Tasks(signer, chosen.clock)
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    add_CloudTasksServicer_to_server(Greeter(tasks), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stub = CloudTasksStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
    for name in chosen.queue:
        stub.CreateQueue(v2.CreateQueueRequest(parent=name.rpartition("/queues/")[0], queue=v2.Queue(name=name)))
    Thread(target=Processor(tasks).run, daemon=True).start()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Front(stub, tasks, signer, chosen.queue)))
    Thread(target=http.serve_forever, daemon=True).start()
    print(f"listening on http://127.0.0.1:{http.server_address[1]}", flush=True)  # noqa: T201
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
