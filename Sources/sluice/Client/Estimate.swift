import Model

/// What the server says that an export will come to.
struct Estimate: Sendable {
    let json: JSONValue

    static func ask(_ client: APIClient, _ spec: JSONValue) async throws -> Estimate {
        Estimate(json: try await client.json(.post, "/v1/exports/estimate", body: spec))
    }

    /// `about 1,234,000 rows, 210.3 MB, 2.1 s`
    var text: String {
        let rows = Text.count(json["rows"]?.intValue ?? 0, "row")
        let size = Text.bytes(json["bytes"]?.intValue ?? 0)
        let time = Text.seconds(Double(Text.plain(json["seconds"])) ?? 0)
        return json["exact"]?.boolValue == true ? "\(rows), about \(size), \(time)" : "about \(rows), \(size), \(time)"
    }
}
