public import Destinations
public import Model

/// A table that a pipeline loads into. Two may share one only where each only adds rows of its own: their windows are told apart by the
/// lines of `sluice_loads`. Whatever replaces or removes rows would take those of the other one for its own.
public struct TableClaim: Sendable, Equatable {
    public let pipeline: String
    /// The settings that say which table it is: without secrets, but with what they are called.
    private let place: String
    /// Where that is, if its secrets are known.
    private let location: String?
    private let onlyAdds: Bool

    /// nil for what goes into no table: files are named after their pipeline.
    ///
    /// - Parameters:
    ///   - settings: those of the destination that the pipeline names, or its own.
    ///   - location: the destination's, if it can be made.
    public init?(
        _ definition: PipelineDefinition, _ settings: JSONValue, location: String?, registry: DestinationRegistry
    ) {
        guard let kind = settings["type"]?.stringValue, let type = try? registry.type(kind),
            type.abilities.hasSchema, case .object(let members) = settings
        else { return nil }
        pipeline = definition.name
        onlyAdds = definition.mode == .append && definition.isIncremental
        self.location = location
        place = members.map { "\($0.key)=\($0.value.text)" }.sorted().joined(separator: " ")
    }

    /// Whether both would write to the same rows.
    public func clashes(with other: TableClaim) -> Bool {
        pipeline != other.pipeline && !(onlyAdds && other.onlyAdds)
            && (place == other.place || location != nil && location == other.location)
    }
}
