internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The document of the API, and a page for people made from it.
enum DocumentRoutes {
    static let routes = [
        Route(.get, "/openapi.yaml", .open) { _ in
            Response(
                status: .ok, headers: [.contentType: "application/yaml; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(bytes: PackageResources.openapi_yaml)))
        },
        Route(.get, "/docs", .open) { _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/html; charset=utf-8",
                    .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'",
                ],
                body: .init(byteBuffer: ByteBuffer(string: page)))
        },
    ]

    private static let page = DocumentPage.html(
        APIOutline(String(decoding: PackageResources.openapi_yaml, as: UTF8.self)))
}

/// The paths of `openapi.yaml` with their summaries. It reads that file's own plain layout, not YAML at large.
package struct APIOutline: Sendable, Equatable {
    package struct Operation: Sendable, Equatable {
        package let path: String
        package let method: String
        package var summary = ""
        package var tag = ""
        /// The scope that its description names first.
        package var scope: String?
    }

    package private(set) var operations: [Operation] = []

    package init(_ yaml: String) {
        var isInPaths = false
        var path = ""
        var anchors: [Substring: Int] = [:]
        for line in yaml.split(separator: "\n") {
            let indent = line.prefix { $0 == " " }.count
            let text = line.dropFirst(indent)
            if indent == 0 { isInPaths = text == "paths:" }
            guard isInPaths else { continue }
            if indent == 2, text.hasPrefix("/"), text.hasSuffix(":") {
                path = String(text.dropLast())
            } else if indent == 4, let colon = text.firstIndex(of: ":"), Self.methods.contains(String(text[..<colon])) {
                let mark = text[text.index(after: colon)...].drop { $0 == " " }
                var operation = Operation(path: path, method: text[..<colon].uppercased())
                // `&name` names an operation, and `*name` stands for the one so named.
                if mark.hasPrefix("&") { anchors[mark.dropFirst()] = operations.count }
                if mark.hasPrefix("*"), let place = anchors[mark.dropFirst()] {
                    operation.summary = operations[place].summary
                    operation.tag = operations[place].tag
                    operation.scope = operations[place].scope
                }
                operations.append(operation)
            } else if indent >= 6, let last = operations.indices.last {
                if operations[last].scope == nil, let mark = text.firstRange(of: "Scope `") {
                    operations[last].scope = String(text[mark.upperBound...].prefix { $0 != "`" })
                }
                guard indent == 6 else { continue }
                if text.hasPrefix("summary: ") { operations[last].summary = String(text.dropFirst(9)) }
                if text.hasPrefix("tags: [") {
                    operations[last].tag = String(text.dropFirst(7).prefix { $0 != "]" })
                }
            }
        }
    }

    private static let methods: Set<String> = ["get", "post", "delete", "head", "put", "patch"]
}

/// The page at `/docs`.
enum DocumentPage {
    static func html(_ outline: APIOutline) -> String {
        var body = ""
        var tag = ""
        for operation in outline.operations {
            if operation.tag != tag {
                if !tag.isEmpty { body += "</table>\n" }
                tag = operation.tag
                body += "<h2>\(escape(tag))</h2>\n<table>\n"
            }
            body +=
                "<tr><td class=m>\(operation.method)</td><td><code>\(escape(operation.path))</code></td>"
                + "<td>\(escape(operation.summary))</td></tr>\n"
        }
        if !tag.isEmpty { body += "</table>\n" }
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>Sluice API</title>
            <style>
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
            table { border-collapse: collapse; width: 100% } td { padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
            .m { font-weight: 600; width: 4rem } code, pre { font-family: ui-monospace, monospace; font-size: .9em }
            pre { background: #f4f4f4; padding: 1rem; overflow: auto }
            </style>
            <h1>Sluice API</h1>
            <p>The whole document, with schemas and examples: <a href="/openapi.yaml">/openapi.yaml</a> (OpenAPI 3.1).</p>
            <p>Send a key as <code>Authorization: Bearer KEY</code> or as the user name of Basic. A write key
            (<code>wk_…</code>) sends events and nothing else; a secret key (<code>sk_…</code>) reads and administers.
            Lists are <code>{"data":[…],"next_cursor":null|"…"}</code>; errors are problem documents (RFC 9457).</p>
            <pre>curl -H 'Authorization: Bearer wk_…' http://127.0.0.1:8080/v1/events \\
              -d '{"events":[{"identity":"ann@example.com","event":"Signed Up","properties":{"plan":"pro"}}]}'</pre>
            \(body)</html>

            """
    }

    private static func escape(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}
