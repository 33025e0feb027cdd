"""Slack and Google Sheets as far as loads need them, as their documents describe it: what they refuse, this refuses, too."""

import base64
import http.server
import json
import re
import socketserver
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Office:
    def __init__(self):
        self.messages, self.asked = [], []
        # Statuses of the next answers: a number is answered instead of doing it, None does it and breaks the connection.
        self.slack_answers, self.sheet_answers = [], []
        self.key = rsa.generate_private_key(65537, 2048)
        self.sheets = [{"id": 0, "title": "Notes", "rows": 100, "columns": 26, "cells": [["mine"]]}]
        self.tokens = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.handle(self, b"")

            def do_POST(self):
                outer.handle(self, self.rfile.read(int(self.headers.get("content-length", 0))))

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def credentials(self, key=None):
        """A service account's JSON."""
        pem = (key or self.key).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        return json.dumps({"type": "service_account", "client_email": "sluice@project.iam", "private_key_id": "k1",
                           "private_key": pem, "token_uri": f"{self.url}/token"})

    def handle(self, request, body):
        with self.lock:
            path, _, query = request.path.partition("?")
            self.asked.append((request.command, path))
            status, answer, breaks = self.answer(request, path, urllib.parse.parse_qs(query), body)
        if breaks:
            request.connection.close()
            request.close_connection = True
            return
        bytes_ = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("content-length", str(len(bytes_)))
        request.end_headers()
        request.wfile.write(bytes_)

    def answer(self, request, path, query, body):
        if path.startswith("/services/") or path == "/api/chat.postMessage":
            told = self.slack_answers.pop(0) if self.slack_answers else 200
            if told != 200:
                return told, b"told", False
            message = json.loads(body)
            if path.startswith("/services/"):
                self.messages.append(message)
                return 200, b"ok", False
            if request.headers["authorization"] != "Bearer xoxb-good":
                return 200, {"ok": False, "error": "invalid_auth"}, False
            if message["channel"] != "C1":
                return 200, {"ok": False, "error": "channel_not_found"}, False
            self.messages.append(message)
            return 200, {"ok": True, "ts": "1.2"}, False
        if path == "/token":
            return *self.token(urllib.parse.parse_qs(body.decode())), False
        if request.headers["authorization"] != f"Bearer token-{self.tokens}":
            return 401, {"error": {"code": 401, "message": "Request had invalid authentication credentials."}}, False
        told = self.sheet_answers.pop(0) if self.sheet_answers and request.command == "POST" else 200
        if told not in (200, None):
            return told, {"error": {"code": told, "message": "as told"}}, False
        return *self.spreadsheet(request.command, path, query, body), told is None

    def token(self, form):
        """RFC 7523: a claim that is signed by the account's key."""
        head, claims, signature = form["assertion"][0].split(".")
        decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        try:
            self.key.public_key().verify(
                decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except Exception:
            return 400, {"error": "invalid_grant"}
        said = json.loads(decode(claims))
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        assert json.loads(decode(head))["alg"] == "RS256" and said["aud"] == f"{self.url}/token"
        assert said["scope"] == "https://www.googleapis.com/auth/spreadsheets" and said["iss"] == "sluice@project.iam"
        assert abs(said["iat"] - time.time()) < 300 and said["exp"] - said["iat"] <= 3600
        self.tokens += 1
        return 200, {"access_token": f"token-{self.tokens}", "expires_in": 3599, "token_type": "Bearer"}

    def find(self, **known):
        return next((s for s in self.sheets if all(s[k] == v for k, v in known.items())), None)

    def values(self, title):
        sheet = self.find(title=title)
        return sheet and sheet["cells"]

    def spreadsheet(self, method, path, query, body):
        refuse = lambda text: (400, {"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}})
        if path == "/v4/spreadsheets/S" and method == "GET":
            return 200, {"sheets": [
                {"properties": {"sheetId": s["id"], "title": s["title"],
                                "gridProperties": {"rowCount": s["rows"], "columnCount": s["columns"]}}}
                for s in self.sheets]}
        if path.startswith("/v4/spreadsheets/S/values/"):
            match = re.fullmatch(r"'(.*)'!([A-Z]*)(\d*):([A-Z]*)(\d*)", urllib.parse.unquote(path.rsplit("/", 1)[1]))
            sheet = match and self.find(title=match[1].replace("''", "'"))
            if not sheet:
                return refuse("Unable to parse range")
            column = lambda text: sum((ord(c) - 64) * 26 ** i for i, c in enumerate(reversed(text)))
            first, last = int(match[3] or 1), int(match[5] or sheet["rows"])
            if last > sheet["rows"] or first > sheet["rows"]:
                return refuse("Range exceeds grid limits")
            left, right = column(match[2]) or 1, column(match[4]) or sheet["columns"]
            rows = [row[left - 1:right] for row in sheet["cells"][first - 1:last]]
            for row in rows:
                while row and row[-1] is None:
                    row.pop()
            while rows and not rows[-1]:
                rows.pop()
            # What is empty within is an empty text, and a range without values has no "values".
            rows = [["" if cell is None else cell for cell in row] for row in rows]
            return 200, {"range": match[0], "majorDimension": "ROWS", **({"values": rows} if rows else {})}
        if path == "/v4/spreadsheets/S:batchUpdate" and method == "POST":
            before = json.loads(json.dumps(self.sheets))
            for change in json.loads(body)["requests"]:
                (kind, what), = change.items()
                problem = getattr(self, "do_" + kind)(what)
                if problem:
                    # All of it or nothing.
                    self.sheets = before
                    return refuse(problem)
            return 200, {"spreadsheetId": "S", "replies": []}
        return 404, {"error": {"code": 404, "message": "Requested entity was not found."}}

    def do_addSheet(self, what):
        p = what["properties"]
        if self.find(title=p["title"]) or self.find(id=p["sheetId"]):
            return f'A sheet with the name "{p["title"]}" already exists'
        grid = p["gridProperties"]
        self.sheets.append({"id": p["sheetId"], "title": p["title"], "rows": grid["rowCount"],
                            "columns": grid["columnCount"], "cells": []})

    def cells(self, row):
        out = []
        for cell in row.get("values", []):
            value = cell.get("userEnteredValue", {})
            assert "formulaValue" not in value
            out.append(next(iter(value.values()), None))
        return out

    def do_appendCells(self, what):
        sheet = self.find(id=what["sheetId"])
        assert what["fields"] == "userEnteredValue"
        for row in what["rows"]:
            cells = self.cells(row)
            if len(cells) > sheet["columns"]:
                return "Attempting to write column beyond the grid"
            sheet["cells"].append(cells)
        sheet["rows"] = max(sheet["rows"], len(sheet["cells"]))

    def do_updateCells(self, what):
        if "range" in what:
            (self.find(id=what["range"]["sheetId"]))["cells"] = []
            return None
        sheet, start = self.find(id=what["start"]["sheetId"]), what["start"]
        for number, row in enumerate(what["rows"]):
            at = start["rowIndex"] + number
            if at >= sheet["rows"]:
                return "Attempting to write row beyond the grid"
            while len(sheet["cells"]) <= at:
                sheet["cells"].append([])
            line, cells = sheet["cells"][at], self.cells(row)
            if start["columnIndex"] + len(cells) > sheet["columns"]:
                return "Attempting to write column beyond the grid"
            line += [None] * (start["columnIndex"] + len(cells) - len(line))
            line[start["columnIndex"]:start["columnIndex"] + len(cells)] = cells

        return None

    def do_deleteSheet(self, what):
        self.sheets.remove(self.find(id=what["sheetId"]))

    def do_updateSheetProperties(self, what):
        assert what["fields"] == "gridProperties(rowCount,columnCount)"
        grid, sheet = what["properties"]["gridProperties"], self.find(id=what["properties"]["sheetId"])
        sheet["rows"], sheet["columns"] = grid["rowCount"], grid["columnCount"]

    def do_copyPaste(self, what):
        assert what["pasteType"] == "PASTE_VALUES"
        source, target = self.find(id=what["source"]["sheetId"]), self.find(id=what["destination"]["sheetId"])
        end = what["destination"]
        if end["endRowIndex"] > target["rows"] or end["endColumnIndex"] > target["columns"]:
            return "Range exceeds grid limits"
        target["cells"] = [list(row) for row in source["cells"]]

    def do_deleteDimension(self, what):
        place = what["range"]
        assert place["dimension"] == "ROWS"
        sheet = self.find(id=place["sheetId"])
        del sheet["cells"][place["startIndex"]:place["endIndex"]]
        sheet["rows"] -= place["endIndex"] - place["startIndex"]

    def do_appendDimension(self, what):
        sheet = self.find(id=what["sheetId"])
        sheet["columns" if what["dimension"] == "COLUMNS" else "rows"] += what["length"]
