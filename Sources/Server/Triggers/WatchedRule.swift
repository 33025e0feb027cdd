internal import Control
internal import EventStore
internal import Model
internal import Triggers

/// A trigger that is watched, with what was seen last as the outbox has it.
final class WatchedRule {
    // One task uses it: its watcher.
    var rule: TriggerRule
    var place: WatchPlace?
    let generation: Int64
    private(set) var kept: [Int64: WatchState]
    /// Those who are beyond the bound, but not for long enough.
    private(set) var pending: Set<Int64>
    /// What a segment was asked last.
    var asked: Asked?
    /// It is not looked at before.
    var nextAt = ContinuousClock.now
    /// The same where nothing but time has passed.
    var nextTimeAt = ContinuousClock.now
    /// Whether the place is further than it is written, and when it was written last.
    private(set) var isBehind = false
    private(set) var writtenAt = ContinuousClock.now
    var failures = 0
    /// Whether the table of people was of a day that has not come, and what was said of it is not corrected for everybody yet.
    var awaitsDay = false

    struct Asked: Equatable {
        let seq: Int64
        let digest: Hash128
        let epoch: Int64
    }

    init(_ rule: TriggerRule, _ place: WatchPlace?, generation: Int64, kept: [Int64: WatchState]) {
        self.rule = rule
        self.place = place
        self.generation = generation
        self.kept = kept
        pending = Set(kept.lazy.filter { $0.value.phase == .pending }.map(\.key))
    }

    /// The place, if what is kept is of this rule and this definition.
    func ready(_ definition: String) -> WatchPlace? {
        guard let place, place.isReady, isOfRule(place), place.definition == definition else { return nil }
        return place
    }

    /// Whether a place is of the rule as it is.
    func isOfRule(_ place: WatchPlace) -> Bool { place.version == rule.version && place.since == rule.since }

    /// Notes what was written.
    func apply(_ step: WatchStep) {
        if step.beginsAnew { (kept, pending) = ([:], []) }
        for move in step.moves {
            guard let state = kept.removeValue(forKey: move.from) else { continue }
            pending.remove(move.from)
            if kept[move.to] == nil { set(move.to, state) }
        }
        for entry in step.entries { set(entry.person, entry.state) }
        place = step.place
        failures = 0
        (isBehind, writtenAt) = (false, .now)
    }

    /// Notes how far it is where nothing is to be written of it.
    func move(to place: WatchPlace) {
        self.place = place
        isBehind = true
    }

    private func set(_ person: Int64, _ state: WatchState?) {
        kept[person] = state
        if state?.phase == .pending { pending.insert(person) } else { pending.remove(person) }
    }
}

/// Where segments, columns and reports are defined.
struct WatchDefinitions: Sendable {
    let control: ControlStore
    let store: EventStore
    let project: String
    let columns: ColumnBook

    func expansion(_ now: Timestamp) -> SegmentExpansion {
        SegmentExpansion(
            control: control, store: store, project: project, columns: columns, takesFormulas: true, now: now)
    }
}

/// Why something could not be looked at.
struct WatchError: Error, CustomStringConvertible {
    let message: String

    init(_ message: String) { self.message = message }

    var description: String { message }
}

/// Triggers were changed while it was looked: what was seen is of rules that are no more.
struct WatchesChanged: Error {}
