"""An app for `chalice deploy`: a function to invoke, and one that a queue invokes."""

from chalice import Chalice

app = Chalice(app_name="greeter")


@app.lambda_function(name="hello")
def hello(event, context):
    return {"hello": (event or {}).get("name", "nobody")}


@app.on_sqs_message(queue="jobs", batch_size=3)
def job(event):
    for record in event:
        print("received", record.body)
