internal import Control
internal import EventStore
internal import Model
internal import Synchronization

/// A project's computed columns as they are defined now, and the zone of its days; the table of people is kept by it.
final class ColumnBook: Sendable {
    /// A definition in force.
    struct Entry: Sendable, Equatable {
        let name: String
        /// From 1; of what every project begins with, 1 is never written down.
        let version: Int64
        let description: String
        let formula: ComputedFormula
        /// Whether it is as every project begins with.
        let isStandard: Bool
        let madeAt: Timestamp?
    }

    private struct State {
        var entries: [Entry] = []
        /// How often somebody began to read the definitions, and which of these readings is in force.
        var begun: Int64 = 0
        var inForce: Int64 = 0
        /// The day of a second in the zone, as it was found last.
        var today: (second: Int64, timezone: String, day: Int64)?
    }

    private let state = Mutex(State())
    private let store: EventStore
    private let project: String

    init(store: EventStore, project: String) {
        self.store = store
        self.project = project
    }

    /// In the order of their names.
    var entries: [Entry] { state.withLock { $0.entries } }
    var timezone: String { store.computedSet.timezone }

    func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }

    /// Reads the definitions; the table of people follows.
    func reload(_ control: ControlStore) async throws {
        let reading = state.withLock { state in
            state.begun += 1
            return state.begun
        }
        let records = try await control.computedColumns(project: project)
        let timezone = try await control.timezone(project: project)
        let entries = Self.entries(records)
        let set = ComputedSet(
            entries.map { ComputedSet.Definition($0.name, version: $0.version, formula: $0.formula) },
            timezone: timezone)
        state.withLock { state in
            // One that began later has seen at least as much, and may have come first.
            guard reading > state.inForce else { return }
            state.inForce = reading
            state.entries = entries
            if set != store.computedSet { store.computedSet = set }
        }
    }

    /// What is in force where these are the newest versions.
    static func entries(_ records: [ColumnRecord]) -> [Entry] {
        var entries: [String: Entry] = [:]
        for (name, description, formula) in ComputedFormula.defaults {
            entries[name] = Entry(
                name: name, version: 1, description: description, formula: formula, isStandard: true, madeAt: nil)
        }
        for record in records {
            if let text = record.formula, let json = try? JSONValue(text: text),
                let formula = try? ComputedFormula(json)
            {
                entries[record.name] = Entry(
                    name: record.name, version: record.version, description: record.description, formula: formula,
                    isStandard: false, madeAt: record.madeAt)
            } else if let standard = entries[record.name] {
                // Taking away what somebody wrote brings back what every project begins with.
                entries[record.name] = Entry(
                    name: record.name, version: record.version, description: standard.description,
                    formula: standard.formula, isStandard: true, madeAt: record.madeAt)
            }
        }
        return entries.values.sorted { $0.name < $1.name }
    }

    /// The columns as of a moment.
    func columns(at moment: Timestamp) async throws -> [ComputedColumn] {
        let set = store.computedSet
        return set.columns(on: try await day(of: moment, in: set.timezone))
    }

    /// The columns as of a moment, by the definitions that were in force at another.
    func columns(
        at moment: Timestamp, definedAt: Timestamp, _ control: ControlStore
    ) async throws -> [ComputedColumn] {
        let entries = Self.entries(try await control.computedColumns(project: project, at: definedAt))
        let timezone = timezone
        return ComputedSet(
            entries.map { ComputedSet.Definition($0.name, version: $0.version, formula: $0.formula) },
            timezone: timezone
        ).columns(on: try await day(of: moment, in: timezone))
    }

    /// Zones of old begin their days at odd seconds, so that only a second is of one day.
    private func day(of moment: Timestamp, in timezone: String) async throws -> Int64 {
        let second = moment.microseconds / 1_000_000
        if let known = state.withLock({ $0.today }), known.second == second, known.timezone == timezone {
            return known.day
        }
        let day = try await store.day(of: moment, in: timezone)
        state.withLock { $0.today = (second, timezone, day) }
        return day
    }
}
