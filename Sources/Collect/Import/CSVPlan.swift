import Model

/// A mapping with its columns found in a header.
struct CSVPlan {
    enum Source {
        case none
        case cell(Int)
        case constant([UInt8])
    }

    let identity: Source
    let timestamp: Source
    let event: Source
    let id: Source
    let type: Source
    let other: Source
    let object: Int?
    /// The columns that are properties, each with its name as a JSON string and a colon.
    let properties: [(cell: Int, key: [UInt8])]

    init(_ mapping: ImportMapping, header: [String]) throws(CollectError) {
        // Looked up once for each column that is a property: a header may have very many.
        var places: [String: [Int]] = [:]
        for (place, name) in header.enumerated() { places[name, default: []].append(place) }
        func find(_ column: String) throws(CollectError) -> Int {
            let found = places[column] ?? []
            guard let place = found.first else {
                let known = header.prefix(40).map { "\"\($0)\"" }.joined(separator: ", ")
                throw ImportMapping.wrong("there is no column \"\(column)\"; the header has \(known)")
            }
            guard found.count == 1 else {
                throw ImportMapping.wrong("the header has the column \"\(column)\" \(found.count) times")
            }
            return place
        }
        func source(_ mapped: ImportMapping.Source?, orOwn own: String? = nil) throws(CollectError) -> Source {
            switch mapped {
            case .column(let name): .cell(try find(name))
            case .constant(let text): .constant(Array(text.utf8))
            case nil: if let own, places[own] != nil { .cell(try find(own)) } else { .none }
            }
        }
        identity = try source(mapping.identity)
        timestamp = try source(mapping.timestamp, orOwn: "timestamp")
        event = try source(mapping.event, orOwn: "event")
        id = try source(mapping.id)
        type = try source(mapping.type)
        other = try source(mapping.other)
        object = if let column = mapping.object { try find(column) } else { nil }
        let columns: [Int]
        switch mapping.properties {
        case .columns(let names):
            var found: [Int] = []
            for name in names { found.append(try find(name)) }
            columns = found
        case .unmapped:
            var taken = Set([identity, timestamp, event, id, type, other].compactMap(\.cell))
            if let object { taken.insert(object) }
            columns = header.indices.filter { !taken.contains($0) && !header[$0].isEmpty }
        }
        var properties: [(cell: Int, key: [UInt8])] = []
        for place in columns {
            let name = Array(header[place].utf8)
            if let fault = CollectRules.fault(name.span) {
                throw ImportMapping.wrong("the name of column \(place + 1) \(fault)")
            }
            _ = try find(header[place])
            var key: [UInt8] = []
            JSONText.appendString(name.span, to: &key)
            key.append(0x3a)
            properties.append((place, key))
        }
        self.properties = properties
        if case .none = event, case .none = type {
            throw ImportMapping.wrong("nothing says what the event is: add event=COL or event:NAME")
        }
    }
}

extension CSVPlan.Source {
    /// The cell it reads, if it reads one.
    var cell: Int? { if case .cell(let place) = self { place } else { nil } }
}
