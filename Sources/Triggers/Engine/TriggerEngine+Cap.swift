internal import Model

/// How often a trigger may fire. One that does so oftener than anybody meant is held, and that is told.
extension TriggerEngine {
    private static let minute: Int64 = 60_000_000

    /// Whether it may fire once more; if not, it is held from here on.
    func mayFire(_ rule: TriggerRule) throws -> Bool {
        guard let cap = rule.policy.cap else { return true }
        let minute = now.microseconds / Self.minute
        // Minutes to come are those of a clock that was set back since.
        let first = minute - cap.within / Self.minute + 1
        guard try storage.fired(rule: rule.number, sinceMinute: first, toMinute: minute) >= cap.count else {
            return true
        }
        try storage.hold(
            rule, reason: "it would have fired more than \(cap.count) times within \(Self.text(cap.within))")
        return false
    }

    /// Notes that it has fired, where that is limited.
    func noteFiring(_ rule: TriggerRule) throws {
        guard rule.policy.cap != nil else { return }
        try storage.noteFiring(rule: rule.number, minute: now.microseconds / Self.minute)
    }

    private static func text(_ length: Int64) -> String {
        let minutes = length / minute
        return minutes % 60 == 0 ? "\(minutes / 60)h" : "\(minutes)m"
    }
}
