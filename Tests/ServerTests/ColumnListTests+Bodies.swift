import Model
import NIOHTTP1
import Server
import Testing

/// What is asked by bodies.
extension ColumnListTests {
    /// Bodies by which some route might tell more than it may.
    private static let asked: [JSONValue] = [
        [:], ["identities": ["Secret-ann"]], ["identities": ["Secret-ann"], "columns": ["person.email"]],
        ["segment": ["did": "Signed Up"]],
        ["segment": ["did": "Signed Up"], "columns": ["identities", "person.email"]],
        ["segment": ["person": "email", "is": "Secret-email"]],
        ["name": "s", "segment": ["person": "email", "exists": true]],
        [
            "type": "metric", "measure": ["event": "Signed Up", "of": "events"],
            "breakdown": ["event_property": "salary"],
        ],
        ["type": "metric", "measure": ["event": "Signed Up", "of": "max", "property": "salary"]],
        [
            "type": "metric", "measure": ["event": "Signed Up", "of": "people"],
            "breakdown": ["person_property": "email"],
        ],
        [
            "type": "funnel", "steps": [["event": "Signed Up"], ["event": "Signed Up"]],
            "breakdown": ["event_property": "salary"],
        ],
        [
            "report": ["type": "funnel", "steps": [["event": "Signed Up"], ["event": "Signed Up"]]],
            "cell": ["step": 1],
        ],
        [
            "name": "r",
            "report": ["type": "metric", "measure": ["event": "Signed Up", "of": "max", "property": "salary"]],
        ],
        [
            "dataset": "report",
            "report": ["type": "metric", "measure": ["event": "Signed Up", "of": "max", "property": "salary"]],
        ],
        ["url": "https://example.com/h", "events": ["*"]],
        ["target_url": "https://example.com/h", "event": "Signed Up"],
        [
            "description": "d",
            "formula": [
                "terms": ["a": ["measure": "sum", "property": "salary"]], "value": ["term": "a"],
            ],
        ],
    ]

    @Test("Every documented operation that takes a body, with bodies that ask for what the key may not see")
    func bodies() async throws {
        try await withKey { server, key in
            let outline = APIOutline(try await server.send(.GET, "/openapi.yaml").text)
            var tried = 0
            for operation in outline.operations where operation.scope != nil && operation.scope != "collect" {
                guard ["POST", "PUT", "PATCH"].contains(operation.method) else { continue }
                let path = operation.path.split(separator: "/").map { part in
                    part == "{name}" ? "/engagement_score" : part.hasPrefix("{") ? "/1" : "/\(part)"
                }.joined()
                for body in Self.asked {
                    let answer = try await server.send(
                        HTTPMethod(rawValue: operation.method), path, key: key, body: Array(body.text.utf8))
                    #expect(
                        !answer.text.contains(Self.mark), "\(operation.method) \(path) \(body.text): \(answer.text)")
                    // Whatever is sent elsewhere from then on has columns that the key may not see.
                    if path.hasPrefix("/v1/webhooks") || path.hasPrefix("/v1/hooks") || path.hasPrefix("/v1/privacy") {
                        #expect(answer.status == 403, "\(operation.method) \(path)")
                    }
                    tried += 1
                }
            }
            #expect(tried > 30 * Self.asked.count)
            let person = try await server.send(.GET, "/v1/people?identity=Secret-ann", key: server.secretKey)
            #expect(person.text.contains(Self.mark), "it is still there to be seen")
        }
    }
}
