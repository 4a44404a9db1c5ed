"""``demo --keep``: the report as a page that is written anew whenever it is loaded."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from downroute.cli.demo_processes import HOST, Stage

PAGE = "report.html"


def serve_page(stage: Stage) -> None:
    """Serve the report on a free port and say where, until Ctrl-C."""

    class Report(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stage.run_quietly("report", "--html", PAGE)
            page = (stage.folder / PAGE).read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Loading a page is no news."""

    with ThreadingHTTPServer((HOST, 0), Report) as server:
        stage.console.print(
            f"Report:  http://{HOST}:{server.server_port}/ (reload it after more calls)\n"
            "Ctrl-C ends both."
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            stage.console.print("Stopped.")
