internal import Model

/// Ids of segments, reports and endpoints by the names that files call them. What is no name stays as it is: it may be an id.
public struct ThingNames: Sendable {
    public var segments: [String: String] = [:]
    public var reports: [String: String] = [:]
    public var endpoints: [String: String] = [:]

    public init() {}

    /// Everything that a condition or a report names.
    private func asked(_ node: DocumentNode) -> DocumentNode {
        node.replacing(["segment": segments, "report_id": reports])
    }

    /// `then` and `notify`: `{endpoint: NAME}`.
    private func told(_ node: DocumentNode) -> DocumentNode {
        node.changingElements { entry in
            entry.changing("endpoint") { value in
                value.scalarText.flatMap { endpoints[$0] }.map(value.saying) ?? value
            }
        }
    }

    /// Whom alerts go to: `{type: endpoint, id: NAME}`.
    func alert(_ node: DocumentNode) -> DocumentNode {
        guard node["type"]?.scalarText == AlertTarget.endpoint else { return node }
        return node.changing("id") { value in
            value.scalarText.flatMap { endpoints[$0] }.map(value.saying) ?? value
        }
    }

    func thing(_ kind: FileThing.Kind, _ node: DocumentNode) -> DocumentNode {
        switch kind {
        case .segment: node.changing("segment", asked)
        case .report: node.changing("report", asked)
        case .endpoint: node.changing("notify", told)
        case .trigger: node.changing("when") { asked(Self.whole($0)) }.changing("then", told)
        }
    }

    func pipeline(_ node: DocumentNode) -> DocumentNode {
        node.changing("export") { export in asked(Self.named(export)) }
            .changing("on_failure") { failure in
                failure.changing("alert") { alerts in alert(alerts.changingElements(alert)) }
            }
    }

    /// `report: NAME` of a trigger stands for `report: {report_id: NAME}`.
    private static func whole(_ when: DocumentNode) -> DocumentNode {
        when.changing("report") { value in
            guard value.scalarText != nil else { return value }
            return DocumentNode(
                .map([.init(key: "report_id", keyPlace: value.place, value: value)]), at: value.place, path: value.path)
        }
    }

    /// `report: NAME` of an export stands for `report_id: NAME`.
    static func named(_ export: DocumentNode) -> DocumentNode {
        guard case .map(let entries) = export.content, export["report"]?.scalarText != nil else { return export }
        return DocumentNode(
            .map(
                entries.map { entry in
                    entry.key == "report"
                        ? .init(key: "report_id", keyPlace: entry.keyPlace, value: entry.value) : entry
                }), at: export.place, path: export.path)
    }
}
