public import Connectors

/// A request as a line for a shell, which anybody's curl sends as it would have been sent.
public enum CurlText {
    /// - Parameter hidden: the names of headers whose values are not shown.
    public static func text(_ request: OutboundRequest, hidden: [String] = []) -> String {
        let names = Set(hidden.map { $0.lowercased() })
        var parts = ["curl --globoff --request \(request.method) \(quoted(request.url.description))"]
        for (name, value) in request.headers {
            let shown = names.contains(name.lowercased()) ? "[hidden]" : value
            // Without a value curl takes a header out, but for this form.
            parts.append("--header " + quoted(shown.isEmpty ? "\(name);" : "\(name): \(shown)"))
        }
        // Raw: a body that begins with @ is no file's name.
        parts.append("--data-raw " + quoted(String(decoding: request.body, as: UTF8.self)))
        return parts.joined(separator: " \\\n  ")
    }

    /// A word of a shell, whatever is in it.
    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
