internal import EventStore
internal import Model

/// To which value of a property what people do is credited.
struct AttributionSpec: Sendable, Equatable {
    /// Which of the values that a property had.
    enum Model: String, Sendable, CaseIterable {
        case firstEver = "first_ever"
        case lastEver = "last_ever"
        case firstInRange = "first_in_range"
        case lastInRange = "last_in_range"
        /// Of each conversion, the last value up to it: a person can be in several rows.
        case lastTouch = "last_touch"
    }

    private static let fields = ["conversion", "property", "model"]

    /// What is credited: events, and with a property the sum of its numbers.
    let conversion: Measure
    let name: String
    let isOfPerson: Bool
    let model: Model
    let top: Int

    init(_ node: SpecNode, _ clock: ReportClock) throws(QueryError) {
        try node.check(ReportFrame.fields + Self.fields, "an attribution report")
        let measure = try node.needed("conversion", "the event that is credited")
        if let of = measure["of"] { throw of.error("conversions are counted, and with \"property\" added up") }
        conversion = try Measure(measure, clock, usually: measure["property"] == nil ? .events : .sum)
        let property = try node.needed("property", "such as {\"event_property\": \"utm_source\"}")
        try property.check(["event_property", "person_property", "top"], "a property")
        let breakdown = try Breakdown(property, top: 100)
        (name, isOfPerson, top) = (breakdown.name, breakdown.isOfPerson, breakdown.top)
        model = try node["model"]?.choice() ?? .lastTouch
    }

    var needs: Set<ColumnNeed> {
        conversion.needs.union([
            .builtin(.timestamp), isOfPerson ? .person(ExactText(name)) : .property(ExactText(name)),
        ])
    }
}
