public import Model

/// A condition on events or people: the tree that `where`, segments and reports share.
public indirect enum Condition: Sendable, Equatable {
    /// Every one holds.
    case all([Condition])
    /// At least one holds.
    case any([Condition])
    case not(Condition)
    /// The event's name is one of these.
    case event([String])
    /// The event's property passes the test.
    case property(String, PropertyTest)
    /// The person's current property passes the test.
    case person(String, PropertyTest)
    /// A value of the person's property that is not the current one passes the test.
    case personThen(String, PropertyTime, PropertyTest)
    /// The person, of an event the one who did it, did something so and so often.
    case did(Did)
    /// The person did several things in order.
    case sequence(EventSequence)
    /// The person's computed column passes the test.
    case computed(ComputedColumn, PropertyTest)
    /// The person is in a saved segment, which is this condition on people.
    case segment(Condition)
}

/// Which value of a person's property is asked, where it is not the current one. The order is time, then commit order.
public enum PropertyTime: Sendable, Hashable {
    /// The first value that the person ever had.
    case first
    /// Any value that the person ever had. Who never had one passes `exists: false` and nothing else.
    case ever
    /// The value that held at that moment: the latest change at or before it.
    case at(Timestamp)
}

/// What is asked of one property's value.
///
/// A property that is absent, or `null`, passes `is_not` and `exists: false` and nothing else.
public enum PropertyTest: Sendable, Equatable {
    /// The same type and the same value: the number 10 is 10.0 but not the text "10"; texts match byte by byte.
    case equals(Scalar)
    /// Not `equals`; an absent property passes.
    case differs(Scalar)
    /// A number compares with what is a number or a text that reads as one (JSON's grammar); a time with texts that
    /// are times; any other text with texts, by code points. What does not cast does not match.
    case compare(Comparison, Operand)
    /// The value's text has this text in it; case matters.
    case contains(String)
    /// The value's text begins with this text; case matters.
    case startsWith(String)
    /// Whether there is a value.
    case exists(Bool)
    /// `equals` for one of these.
    case oneOf([Scalar])

    /// A value that another can equal.
    public enum Scalar: Sendable, Hashable {
        case text(String)
        /// A number as written, and finite.
        case number(String)
        case bool(Bool)
    }

    /// The four orderings.
    public enum Comparison: String, Sendable, CaseIterable {
        case greater = "gt"
        case greaterOrEqual = "gte"
        case less = "lt"
        case lessOrEqual = "lte"
    }

    /// What an ordering compares with.
    public enum Operand: Sendable, Hashable {
        case number(Double)
        case time(Timestamp)
        case text(String)
    }
}
