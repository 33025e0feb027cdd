internal import EventStore
internal import Model

/// By what an answer is divided: `{"event_property": "plan"}` or `{"person_property": "plan", "value": "first"}`.
struct Breakdown: Sendable, Equatable {
    /// Which of the values that a property had.
    enum Moment: String, Sendable, CaseIterable {
        /// The first: of events, in the report's range; of persons, ever.
        case first
        /// The last: of events, in the report's range; of persons, as of the answer.
        case last
        /// That of the event itself; of persons, the value that stood when it happened.
        case atStep = "at_step"
    }

    static let fields = ["event_property", "person_property", "value", "step", "top"]
    /// The most values that can be shown.
    static let most: Int64 = 1_000

    let name: String
    let isOfPerson: Bool
    let moment: Moment
    /// The step whose event counts, from 1; for `at_step` of funnels.
    let step: Int
    /// How many values are shown; the rest is one more, "other".
    let top: Int

    /// - Parameters:
    ///   - steps: how many steps the report has; 1 where it has none.
    ///   - top: how many values are shown if it does not say.
    init(_ node: SpecNode, steps: Int = 1, top: Int = 10) throws(QueryError) {
        try node.check(Self.fields, "a breakdown")
        switch (node["event_property"], node["person_property"]) {
        case (.some(let event), nil):
            (name, isOfPerson) = (try event.text("a property's name"), false)
        case (nil, .some(let person)):
            (name, isOfPerson) = (try person.text("a property's name"), true)
        default: throw node.error("a breakdown has either \"event_property\" or \"person_property\"")
        }
        moment = try node["value"]?.choice() ?? (isOfPerson ? .last : .atStep)
        step = Int(try node["step"]?.whole(in: 1...Int64(steps)) ?? 1)
        if let node = node["step"], moment != .atStep {
            throw node.error("a step goes with \"value\": \"at_step\" only")
        }
        self.top = Int(try node["top"]?.whole(in: 1...Self.most) ?? Int64(top))
    }

    var need: ColumnNeed { isOfPerson ? .person(ExactText(name)) : .property(ExactText(name)) }
}
