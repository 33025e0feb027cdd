internal import Model

/// What is said of a message, in one line, where nobody has said what.
enum MessageSummary {
    static func line(_ document: JSONValue) -> String {
        let data = document["data"] ?? .null
        let type = document["type"]?.stringValue ?? "message"
        func text(_ path: String...) -> String? {
            path.reduce(data) { $0[$1] ?? .null }.stringValue
        }
        // What is told of pipelines says itself what it is.
        if type.hasPrefix("pipeline."), let said = text("text") { return said }
        var parts: [String] = []
        if let trigger = text("trigger", "name") {
            parts.append("\(trigger) fired")
            if let event = text("event", "event") { parts.append("on \(event)") }
        } else if let endpoint = text("endpoint", "id") {
            parts.append("\(type): \(endpoint)")
            if let url = text("endpoint", "url") { parts.append("(\(url))") }
            if let percent = data["percent"]?.text { parts.append("is \(percent) % of the way to being disabled") }
            if let reason = text("reason") { parts.append("– \(reason)") }
            if let delivery = text("delivery") { parts.append("– delivery \(delivery)") }
        } else {
            parts.append("\(type):")
            if let event = text("event") { parts.append(event) }
        }
        if let identity = text("identity") { parts.append("of \(identity)") }
        return parts.joined(separator: " ")
    }
}
