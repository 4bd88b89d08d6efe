"""Celery on SQS through kombu, unchanged: a worker in this process handles tasks, retries one, and takes one with a countdown."""

import threading

import boto3
from celery import Celery
from celery.contrib.testing.worker import start_worker

TASKS = 20

app = Celery("stackctl", broker="sqs://")
app.conf.update(
    broker_transport_options={
        "region": boto3.session.Session().region_name,
        "polling_interval": 0.1,
        "wait_time_seconds": 10,
    },
    task_default_queue="celery-jobs",
    task_acks_late=True,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)

done = {}
changed = threading.Condition()


@app.task(bind=True, max_retries=1)
def work(self, number):
    with changed:
        done[number] = self.request.retries
        changed.notify_all()
    if number == 7 and self.request.retries == 0:
        raise self.retry(countdown=0)


def wait_until(met):
    with changed:
        assert changed.wait_for(met, timeout=60), done


sqs = boto3.client("sqs")
with start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, shutdown_timeout=60):
    for number in range(TASKS):
        work.delay(number)
    wait_until(lambda: len(done) == TASKS)
    print("ok tasks", flush=True)
    wait_until(lambda: done[7] == 1)
    print("ok retry", flush=True)
    work.apply_async([TASKS], countdown=1)
    wait_until(lambda: TASKS in done)
    print("ok countdown", flush=True)

url = sqs.get_queue_url(QueueName="celery-jobs")["QueueUrl"]
left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
counts = [left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]]
assert counts == ["0", "0"], counts
print("ok empty")
