import Model
import NIOHTTP1
import Server
import Testing

@Suite("The document of the API and the router say the same")
struct DocumentTests {
    @Test("Every route is documented, and every documented path answers")
    func bothWays() async throws {
        try await withServer { server in
            let document = try await server.send(.GET, "/openapi.yaml")
            #expect(document.status == 200)
            let outline = APIOutline(document.text)
            let documented = Set(outline.operations.map { "\($0.method) \($0.path)" })
            let routed = Set(server.server.routes.map { "\($0.method) \($0.path)" })
            #expect(documented == routed, "\(documented.symmetricDifference(routed))")
            #expect(outline.operations.allSatisfy { !$0.summary.isEmpty && !$0.tag.isEmpty })
            for operation in outline.operations {
                let needed = server.server.scopes["\(operation.method) \(operation.path)"]
                #expect(operation.scope == needed, "\(operation.method) \(operation.path)")
                let path = operation.path.split(separator: "/").map { $0.hasPrefix("{") ? "/1" : "/" + $0 }.joined()
                let answer = try await server.send(HTTPMethod(rawValue: operation.method), path)
                // What a link's signature does not open is not there, whatever the path is.
                let isLink = operation.path == "/v1/links/{id}"
                #expect(
                    (isLink || answer.status != 404) && answer.status != 405, "\(operation.method) \(operation.path)")
            }
        }
    }

    @Test("The pages for people and machines are open")
    func open() async throws {
        try await withServer { server in
            let page = try await server.send(.GET, "/docs")
            #expect(page.text.contains("/v1/exports/{id}/manifest"))
            #expect(!page.text.contains("<script"))
            #expect(try await server.send(.GET, "/healthz").status == 200)
            #expect(try await server.send(.GET, "/readyz").status == 200)
            try await server.collect([["identity": "ann", "event": "A"]])
            let metrics = try await server.send(.GET, "/metrics")
            #expect(metrics.text.contains("sluice_items_accepted_total{protocol=\"native\"} 1\n"))
            #expect(metrics.text.contains("sluice_durable_seq{project=\"default\"} 1\n"))
            #expect(metrics.text.contains("sluice_apply_lag_seconds{project=\"default\"} "))
            // What a proxy forwards is not from here.
            let forwarded = try await server.send(.GET, "/metrics", headers: [("X-Forwarded-For", "192.0.2.1")])
            #expect(forwarded.status == 401)
        }
    }
}
