internal import DuckDB
internal import Model

/// The second pass over a batch: rows, in `seq` order, through the engine's chunks.
struct RowWriter {
    let connection: Connection
    /// The generation of hot tables that is written to.
    let generation: Int64
    let batch: ItemBatch
    let pass: IdentityPass
    /// The ids of the pass's unknown identities.
    let ids: [Int64]

    /// The id behind a reference.
    func id(_ reference: Int64) -> Int64 { reference > 0 ? reference : ids[Int(-reference) - 1] }

    /// The id of the identity of the batch's item at a place; 0 for kinds that have none.
    func identity(of place: Int) -> Int64 {
        let reference = pass.refs[place]
        return reference == 0 ? 0 : id(reference)
    }

    /// Events and property changes; how many rows they are.
    ///
    /// - Parameter touched: gets the identities that they are of.
    func writeItems(
        names: inout NameTable, members: inout PropertyMembers, touched: inout [Int64]
    ) throws(StoreError) -> Int64 {
        guard pass.eventCount > 0 || pass.changeCount > 0 else { return 0 }
        var written: Int64 = 0
        do {
            let tables = Layout.Source.generation(generation)
            var events = try connection.appender(tables.name(.events), Schema.events)
            var changes = try connection.appender(tables.name(.propertyChanges), Schema.propertyChanges)
            var rewritten: [UInt8] = []
            var place = 0
            for slice in batch.slices {
                let payload = slice.payload.span
                var at = slice.offset
                for i in 0..<slice.count {
                    let seq = slice.firstSeq + Int64(i)
                    guard let item = ItemLayout(payload, at: &at) else { throw ItemBatch.damage(seq) }
                    let reference = pass.refs[place]
                    place += 1
                    guard item.kind == .event || item.kind == .set else { continue }
                    let identity = id(reference)
                    touched.append(identity)
                    let folds = item.flags.contains(.foldsNames)
                    let object = payload.extracting(item.properties)
                    let sets = item.kind == .set || item.flags.contains(.setsProperties)
                    if folds || sets {
                        do throws(JSONError) {
                            try members.read(object, names: &names, folding: folds, seq: seq)
                        } catch {
                            throw ItemBatch.damage(seq)
                        }
                    }
                    if item.kind == .event {
                        // What is lent lies in the batch's payloads, which outlive both appenders.
                        events.setInt64(0, seq)
                        unsafe events.lendClean(1, payload.extracting(item.id))
                        events.setInt64(2, identity)
                        let name = payload.extracting(item.name)
                        if folds, let form = names.fold(name, .event, seq: seq) {
                            let text = names.names[form].text
                            events.setClean(3, text.span)
                        } else {
                            if !folds { names.register(name, .event, seq: seq) }
                            unsafe events.lendClean(3, name)
                        }
                        events.setTimestamp(4, item.timestamp.microseconds)
                        events.setTimestamp(5, item.receivedAt.microseconds)
                        if folds, members.isRewritten {
                            rewritten.removeAll(keepingCapacity: true)
                            members.writeObject(from: object, to: &rewritten)
                            events.setClean(6, rewritten.span)
                        } else {
                            unsafe events.lendClean(6, object)
                        }
                        try events.endRow()
                        written += 1
                    }
                    guard sets else { continue }
                    written += Int64(members.members.count)
                    for member in members.members {
                        changes.setInt64(0, seq)
                        changes.setInt64(1, identity)
                        changes.setTimestamp(2, item.timestamp.microseconds)
                        changes.setClean(3, members.texts.span.extracting(member.name))
                        unsafe changes.lendClean(4, object.extracting(member.value))
                        try changes.endRow()
                    }
                }
            }
            try events.finish()
            try changes.finish()
        } catch {
            throw StoreError(error)
        }
        return written
    }

    /// Identities that are new, with the persons that the batch's aliases gave them.
    func writeIdentities(_ newcomers: [IdentityBook.Newcomer], persons: [Int64: Int64]) throws(StoreError) {
        guard !newcomers.isEmpty else { return }
        do {
            var appender = try connection.appender("identities", Schema.identities)
            for newcomer in newcomers {
                let payload = batch.slices[newcomer.unknown.slice].payload
                appender.setInt64(0, newcomer.id)
                appender.setClean(1, payload.span.extracting(newcomer.unknown.text))
                appender.setInt64(2, persons[newcomer.id] ?? newcomer.id)
                if let seq = newcomer.unknown.namedSeq { appender.setInt64(3, seq) } else { appender.setNull(3) }
                appender.setInt64(4, newcomer.unknown.firstSeq)
                try appender.endRow()
            }
            try appender.finish()
        } catch {
            throw StoreError(error)
        }
    }

    func writeAliases(_ rows: [AliasPass.Row]) throws(StoreError) {
        guard !rows.isEmpty else { return }
        do {
            var appender = try connection.appender("aliases", Schema.aliases)
            for row in rows {
                let bytes = batch.slices[row.tie.slice].payload
                let payload = bytes.span
                appender.setInt64(0, row.tie.seq)
                appender.setTimestamp(1, row.tie.timestamp.microseconds)
                appender.setClean(2, payload.extracting(row.tie.identity))
                appender.setClean(3, payload.extracting(row.tie.other))
                appender.setInt64(4, row.identity)
                appender.setInt64(5, row.other)
                appender.setBool(6, row.tie.derived)
                if let seq = row.undoneSeq { appender.setInt64(7, seq) } else { appender.setNull(7) }
                try appender.endRow()
            }
            try appender.finish()
        } catch {
            throw StoreError(error)
        }
    }

    /// Rejects: what collection refused, and the aliases and undos that could not be done, together in `seq` order.
    func writeRejects(_ refusals: [AliasPass.Refusal]) throws(StoreError) {
        guard pass.rejectCount > 0 || !refusals.isEmpty else { return }
        do {
            var appender = try connection.appender("rejects", Schema.rejects)
            var next = refusals.startIndex
            for slice in batch.slices {
                let payload = slice.payload.span
                var at = slice.offset
                for i in 0..<slice.count {
                    let seq = slice.firstSeq + Int64(i)
                    guard let item = ItemLayout(payload, at: &at) else { throw ItemBatch.damage(seq) }
                    let isRefusal = next < refusals.endIndex && refusals[next].tie.seq == seq
                    guard item.kind == .reject || isRefusal else { continue }
                    appender.setInt64(0, seq)
                    appender.setTimestamp(1, item.receivedAt.microseconds)
                    appender.setText(2, item.wire.label)
                    if isRefusal {
                        appender.setText(3, refusals[next].reason)
                        appender.setText(4, Self.raw(item, payload))
                        next += 1
                    } else {
                        appender.setClean(3, payload.extracting(item.name))
                        appender.setClean(4, payload.extracting(item.properties))
                    }
                    try appender.endRow()
                }
            }
            try appender.finish()
        } catch {
            throw StoreError(error)
        }
    }

    /// An alias or undo as a JSON object, since its own input is no longer there.
    private static func raw(_ item: ItemLayout, _ payload: Span<UInt8>) -> String {
        guard item.kind == .alias else {
            return JSONValue.object([.init("undo", JSONValue(String(utf8: payload.extracting(item.name))))]).text
        }
        return JSONValue.object([
            .init("type", "alias"), .init("identity", JSONValue(String(utf8: payload.extracting(item.identity)))),
            .init("other", JSONValue(String(utf8: payload.extracting(item.other)))),
        ]).text
    }

    func writeNames(_ names: ArraySlice<NameTable.Name>) throws(StoreError) {
        guard !names.isEmpty else { return }
        do {
            var appender = try connection.appender("names", Schema.names)
            for name in names {
                appender.setText(0, name.kind.label)
                appender.setClean(1, name.text.span)
                appender.setClean(2, name.folded.span)
                appender.setInt64(3, name.firstSeq)
                try appender.endRow()
            }
            try appender.finish()
        } catch {
            throw StoreError(error)
        }
    }
}
