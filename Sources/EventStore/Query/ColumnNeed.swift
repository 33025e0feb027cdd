public import Model

/// A column of people or events that something asks for, by the name under which a key's list has it.
public enum ColumnNeed: Hashable, Sendable {
    case builtin(BuiltinColumn)
    /// An event's property, by its exact name.
    case property(ExactText)
    /// All properties of events.
    case properties
    /// A property of a person, current or at any time.
    case person(ExactText)
    /// All properties of persons.
    case personProperties
    /// When or how often a person did an event of this name.
    case measure(EventMeasure, of: ExactText)
    /// A computed column of people.
    case computed(String)

    /// The name in a list.
    public var text: String {
        switch self {
        case .builtin(let column): column.rawValue
        case .property(let name): "properties.\(name.text)"
        case .properties: "properties.*"
        case .person(let name): "person.\(name.text)"
        case .personProperties: "person.*"
        case .measure(let measure, let name): "\(measure.rawValue)(\(name.text))"
        case .computed(let name): name
        }
    }
}

extension ColumnExpression {
    /// What it gives out of a dataset's rows.
    public func need(in dataset: Dataset) -> ColumnNeed {
        let isPeople = dataset == .people
        return switch source {
        case .builtin(.properties), .allProperties: isPeople ? .personProperties : .properties
        case .builtin(let column): .builtin(column)
        case .property(let name): isPeople ? .person(ExactText(name)) : .property(ExactText(name))
        case .person(let name): .person(ExactText(name))
        case .event(let measure, let name): .measure(measure, of: ExactText(name))
        case .computed(let column): .computed(column.name)
        }
    }
}

extension Condition {
    /// What it tells of the rows that it finds: whoever may ask it as often as they like finds out all of that.
    public func needs(in dataset: Dataset) -> Set<ColumnNeed> {
        switch self {
        case .all(let parts), .any(let parts): return parts.reduce(into: []) { $0.formUnion($1.needs(in: dataset)) }
        case .not(let part): return part.needs(in: dataset)
        case .event: return [.builtin(.event)]
        // Of a property change it is the property that changed; of all other rows, one of events.
        case .property(let name, _):
            return [dataset == .propertyChanges ? .person(ExactText(name)) : .property(ExactText(name))]
        case .person(let name, _): return [.person(ExactText(name))]
        case .personThen(let name, let time, _):
            // Whoever may ask at any moment finds out when the value was set.
            if case .at = time { return [.person(ExactText(name)), .builtin(.timestamp)] }
            return [.person(ExactText(name))]
        case .computed(let column, _): return [.computed(column.name)]
        case .sequence(let sequence):
            return sequence.steps.reduce(into: [.builtin(.event), .builtin(.timestamp)]) { needs, step in
                if let test = step.test { needs.formUnion(test.needs(in: .events)) }
            }
        case .segment(let tree): return tree.needs(in: .people)
        case .did(let did):
            var needs = did.test?.needs(in: .events) ?? []
            needs.insert(.builtin(.event))
            if did.window != TimeWindow() || did.isFirstEver { needs.insert(.builtin(.timestamp)) }
            return needs
        }
    }
}
