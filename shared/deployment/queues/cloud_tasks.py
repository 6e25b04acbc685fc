"""Cloud Tasks: a job is a task that calls our function `job` when its time has come."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.deployment.identity import Identity
from shared.deployment.queues import Job, encode
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent
from shared.foundation.settings import CloudTasks
from shared.foundation.wire import Wire

if TYPE_CHECKING:
    from shared.deployment.queues import MessageKey

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# An hour less than a task may wait, for the service measures by its own clock. A message that has to wait longer comes
# early, and is sent again.
MAX_DELAY = timedelta(days=30) - timedelta(hours=1)
# The longest there is: a function that takes too long is ended by its host, and that ends the call. Were we to hang up
# before, the job would come again beside the run that still works on it.
DEADLINE = "1800s"
# Seconds, of each try.
TIMEOUT = 8.0


class CloudTasksQueue:
    """Jobs as tasks of two queues."""

    def __init__(self, settings: CloudTasks, identity: Identity, wire: Wire, clock: Clock, key: "MessageKey") -> None:
        """`key` gives what messages are signed with. Raises ValueError if a setting is missing."""
        if not (settings.location and settings.account and settings.job_url):
            raise ValueError("Cloud Tasks needs LOCATION, ACCOUNT and JOB_URL")
        self._settings, self._identity, self._wire, self._clock, self._key = settings, identity, wire, clock, key

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job. Raises Temporary during an outage, Permanent `our_queue` if it is refused."""
        token = await self._identity.token(SCOPE)
        async with self._wire.client(self._settings.url) as http:
            reply = await http.send(
                "POST",
                f"/v2/{self._settings.location}/queues/{job.queue}/tasks",
                headers={"authorization": f"Bearer {token}"},
                json={"task": self._task(not_before, encode(job, not_before, await self._key()))},
                repeatable=True,  # a job that comes twice does no harm
                timeout=TIMEOUT,
            )
        if reply.status != 200:
            raise _refused(reply.status, reply.service, job.queue)

    def _task(self, not_before: datetime, message: str) -> dict[str, Any]:
        """Without a name: a used one is blocked for a day, and the same job is often due again before."""
        settings, now = self._settings, self._clock.now()
        task: dict[str, Any] = {
            "httpRequest": {
                "url": settings.job_url,
                "httpMethod": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": b64encode(message.encode()).decode(),
                "oidcToken": {"serviceAccountEmail": settings.account, "audience": settings.job_url},
            },
            "dispatchDeadline": DEADLINE,
        }
        if not_before > now:
            task["scheduleTime"] = min(not_before, now + MAX_DELAY).astimezone(UTC).isoformat()
        return task


def _refused(status: int, host: str, queue: str) -> Permanent:
    if status in (401, 403):
        return Permanent(
            "our_queue",
            f"{host} does not let us send jobs to the queue {queue}. Give this deployment's service account the roles "
            "Cloud Tasks Enqueuer and, on the account that calls our functions, Service Account User.",
        )
    return Permanent(
        "our_queue", f"{host} refused a job for the queue {queue} ({status}). Check that it exists at LOCATION."
    )
