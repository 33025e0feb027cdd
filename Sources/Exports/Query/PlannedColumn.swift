internal import EventStore

/// How the writer makes a field of what a statement gives.
enum FieldKind: Sendable, Equatable {
    case integer
    case double
    case boolean
    case time
    case text
    /// A JSON object, as it is.
    case object
    /// A JSON value: its text in CSV, the value in NDJSON.
    case token
    /// A list of texts.
    case list
    /// A person's number, written as the public id.
    case person
    /// An identity's number: its text, or its person's public id.
    case identityText
    case identityPerson
    /// The property of this index in the picker, out of the object in the column.
    case picked(Int)
}

/// One column of a statement and of the file.
struct PlannedColumn: Sendable, Equatable {
    /// The name under which it leaves.
    let name: String
    let type: ValueType
    let sql: SQLFragment
    let kind: FieldKind
}
