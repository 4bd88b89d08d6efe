"""An engine in the foreground with one connection to it, and packages for it: what the measurements in Python share."""

import base64
import http.client
import io
import subprocess
import tempfile
import urllib.parse
import zipfile

ROLE = "arn:aws:iam::000000000000:role/r"


class Engine:
    """`stackctl serve` with a state of its own, on a port of its own."""

    def __init__(self, program, *arguments):
        self.folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        command = [program, "serve", "--port", "0", "--state", self.folder.name, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if "http://" in line:
                endpoint = "http://" + line.split("http://")[1].split()[0].strip("`")
                self.connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc)
                return
        raise SystemExit("the engine did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status < 300, (method, path, response.status, answer)
        return answer


def package(name, content, mode=0o644):
    """A `Code` of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        file.writestr(info, content)
    return {"ZipFile": base64.b64encode(out.getvalue()).decode()}
