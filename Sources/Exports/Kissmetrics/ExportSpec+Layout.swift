internal import Codecs
internal import EventStore

extension ExportSpec {
    /// Refuses what the KISSmetrics layout has no place for: it holds everything, as it was stored.
    func checkLayout() throws(ExportError) {
        guard format == .kissmetrics else { return }
        guard dataset == .events else {
            throw Self.error(
                "the format kissmetrics holds events, property changes and aliases together: its dataset is \"events\"")
        }
        guard recipients.isEmpty else {
            throw Self.error("\"encrypt\" would hide the format kissmetrics from those who read it; use another format")
        }
        let given: [(String, Bool)] = [
            ("columns", !columns.isEmpty), ("where", condition != nil), ("from", from != nil), ("to", to != nil),
            ("identified", isIdentified), ("compression", compression != .none),
            ("order", order != nil && order != .seq),
        ]
        if let (name, _) = given.first(where: \.1) {
            throw Self.error(
                "\"\(name)\" has no meaning in the format kissmetrics, whose lines are everything in the order of seq")
        }
    }
}
