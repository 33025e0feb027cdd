internal import EventStore
internal import Model

/// What each column of a dataset is, as SQL.
extension ExportQuery {
    mutating func plan(_ column: ColumnExpression) {
        let (sql, kind) =
            switch column.source {
            case .builtin(let builtin): self.builtin(builtin)
            case .property(let name): property(name, column.cast)
            case .person(let name): cast(needs.properties.token(name), column.cast)
            case .event(let measure, let name): event(measure, name)
            case .computed(let computed): self.computed(computed, column.cast)
            case .allProperties: (SQLFragment.empty, FieldKind.text)
            }
        columns.append(PlannedColumn(name: column.name, type: column.type, sql: sql, kind: kind))
    }

    private mutating func property(_ name: String, _ cast: ColumnExpression.Cast?) -> (SQLFragment, FieldKind) {
        if spec.dataset == .people { needsObjects = true }
        let object: SQLFragment = spec.dataset == .people ? "o.properties" : "e.properties"
        guard writer == .rows, cast == nil else { return self.cast(DuckDBDialect.token(object, name), cast) }
        // The picker finds a name once, for all columns that are made of it.
        if let known = picks.firstIndex(where: { ExactText($0) == ExactText(name) }) { return (object, .picked(known)) }
        picks.append(name)
        return (object, .picked(picks.count - 1))
    }

    /// A computed column as it was defined: a number keeps its digits, and in Parquet it has a type.
    private mutating func computed(
        _ column: ComputedColumn, _ cast: ColumnExpression.Cast?
    ) -> (SQLFragment, FieldKind) {
        isComputedJoined = true
        let token = needs.computed.token(column)
        guard writer == .engine, cast == nil else { return self.cast(token, cast) }
        switch column.formula.type {
        case .bigint: return (DuckDBDialect.wholeNumber(token), .integer)
        case .double: return (DuckDBDialect.number(token), .double)
        case .decimal: return (DuckDBDialect.decimal(token), .double)
        default: return (DuckDBDialect.text(token), .text)
        }
    }

    private mutating func event(_ measure: EventMeasure, _ name: String) -> (SQLFragment, FieldKind) {
        let value = needs.events.value(measure, of: name)
        return measure == .count ? (value, .integer) : (time(value), .time)
    }

    private func cast(_ token: SQLFragment, _ cast: ColumnExpression.Cast?) -> (SQLFragment, FieldKind) {
        switch cast {
        case .double: (DuckDBDialect.number(token), .double)
        case .bigint: (DuckDBDialect.wholeNumber(token), .integer)
        case .boolean: (DuckDBDialect.truth(token), .boolean)
        case .timestamp: (time(DuckDBDialect.time(token)), .time)
        case .text: (DuckDBDialect.text(token), .text)
        case nil: writer == .rows ? (token, .token) : (DuckDBDialect.text(token), .text)
        }
    }

    private func time(_ sql: SQLFragment) -> SQLFragment { writer == .rows ? sql : DuckDBDialect.zoned(sql) }

    private mutating func builtin(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch spec.dataset {
        case .events: eventColumn(column)
        case .propertyChanges: changeColumn(column)
        case .aliases: aliasColumn(column)
        case .identities, .report: identityColumn(column)
        case .people: personColumn(column)
        }
    }

    /// The identity's text or person of a row that has its number.
    private mutating func identity(_ number: SQLFragment, _ kind: FieldKind) -> (SQLFragment, FieldKind) {
        if isSample {
            needsPersonJoin = true
            return (kind == .identityText ? "m.identity" : "m.person", .text)
        }
        needsIdentityTable = true
        if writer == .rows { return (number, kind) }
        return (
            kind == .identityText
                ? DuckDBDialect.identityText(number, run: run) : DuckDBDialect.identityPerson(number, run: run), kind
        )
    }

    private mutating func eventColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: ("e.seq", .integer)
        case .eventID: ("e.event_id", .text)
        case .personID: identity("e.identity_id", .identityPerson)
        case .identity: identity("e.identity_id", .identityText)
        case .event: ("e.event", .text)
        case .timestamp: (time("e.timestamp"), .time)
        case .receivedAt: (time("e.received_at"), .time)
        default: ("e.properties", .object)
        }
    }

    private mutating func changeColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: ("c.seq", .integer)
        case .personID: identity("c.identity_id", .identityPerson)
        case .identity: identity("c.identity_id", .identityText)
        case .timestamp: (time("c.timestamp"), .time)
        case .name: ("c.name", .text)
        default: cast(DuckDBDialect.present("c.value"), nil)
        }
    }

    private mutating func aliasColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .seq: return ("a.seq", .integer)
        case .timestamp: return (time("a.timestamp"), .time)
        case .identity: return ("a.identity", .text)
        case .other: return ("a.other", .text)
        case .derived: return ("a.derived", .boolean)
        case .undoneSeq: return ("CASE WHEN a.undone_seq <= \(spec.asOfSeq) THEN a.undone_seq END", .integer)
        default:
            needsPersonJoin = true
            return ("m.person", .text)
        }
    }

    private func identityColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .identity: ("m.identity", .text)
        case .personID: ("m.person", .text)
        case .named: ("m.named", .boolean)
        default: ("m.first_seq", .integer)
        }
    }

    private mutating func personColumn(_ column: BuiltinColumn) -> (SQLFragment, FieldKind) {
        switch column {
        case .personID:
            return writer == .rows ? ("q.person_id", .person) : (DuckDBDialect.personText("q.person_id"), .text)
        case .identities: return ("q.identities", .list)
        case .firstSeen: return (time("q.first_seen"), .time)
        case .lastSeen: return (time("q.last_seen"), .time)
        case .eventsTotal: return ("q.events_total", .integer)
        default:
            needsObjects = true
            return ("coalesce(o.properties, '{}')", .object)
        }
    }
}
