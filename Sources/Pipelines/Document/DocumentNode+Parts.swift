internal import Connectors
internal import Model

/// Finding parts, and putting others in their place.
extension DocumentNode {
    /// The value of a map's entry; nil for null, too.
    subscript(key: String) -> DocumentNode? {
        guard case .map(let entries) = content, let entry = entries.first(where: { $0.key == key }) else { return nil }
        if case .scalar(.null) = entry.value.content { return nil }
        return entry.value
    }

    /// The text of a scalar.
    var scalarText: String? {
        guard case .scalar(.string(let text)) = content else { return nil }
        return text
    }

    /// The error of what a path from here leads to, such as `where.all[1].gt`, as far as that is written; of a name in it that the message
    /// has in quotation marks, at that.
    func error(_ message: String, at path: String) -> PipelineError {
        let found = deepest(Substring(path))
        var place = found.place
        if case .map(let entries) = found.content,
            let named = entries.first(where: { message.contains("\"\($0.key)\"") })
        {
            place = named.keyPlace
        }
        return PipelineError(
            .badDefinition, self.path.isEmpty ? message : "\(self.path): \(message)", at: place)
    }

    private func deepest(_ path: Substring) -> DocumentNode {
        switch content {
        case .scalar: return self
        case .map(let entries):
            // The longest name first: one may begin with another and have a dot in it.
            for entry in entries.sorted(by: { $0.key.count > $1.key.count }) where path.hasPrefix(entry.key) {
                let rest = path.dropFirst(entry.key.count)
                if rest.isEmpty { return entry.value }
                if rest.hasPrefix(".") { return entry.value.deepest(rest.dropFirst()) }
                if rest.hasPrefix("[") { return entry.value.deepest(rest) }
            }
            return self
        case .list(let nodes):
            guard path.hasPrefix("["), let end = path.firstIndex(of: "]"),
                let index = Int(path[path.index(after: path.startIndex)..<end]), nodes.indices.contains(index)
            else { return self }
            let rest = path[path.index(after: end)...]
            return nodes[index].deepest(rest.hasPrefix(".") ? rest.dropFirst() : rest)
        }
    }

    /// The same with another value of an entry, if it is there.
    func changing(_ key: String, _ change: (DocumentNode) -> DocumentNode) -> DocumentNode {
        guard case .map(let entries) = content else { return self }
        return DocumentNode(
            .map(
                entries.map { entry in
                    guard entry.key == key else { return entry }
                    return Entry(key: key, keyPlace: entry.keyPlace, value: change(entry.value))
                }), at: place, path: path)
    }

    /// The same with other elements of a list.
    func changingElements(_ change: (DocumentNode) -> DocumentNode) -> DocumentNode {
        guard case .list(let nodes) = content else { return self }
        return DocumentNode(.list(nodes.map(change)), at: place, path: path)
    }

    /// The same with other texts in the place of those that stand under some names, however deep.
    func replacing(_ tables: [String: [String: String]]) -> DocumentNode {
        switch content {
        case .scalar: return self
        case .list: return changingElements { $0.replacing(tables) }
        case .map(let entries):
            return DocumentNode(
                .map(
                    entries.map { entry in
                        let value =
                            if let table = tables[entry.key], let text = entry.value.scalarText {
                                entry.value.saying(table[text] ?? text)
                            } else {
                                entry.value.replacing(tables)
                            }
                        return Entry(key: entry.key, keyPlace: entry.keyPlace, value: value)
                    }), at: place, path: path)
        }
    }

    /// A text in the place of this one.
    func saying(_ text: String) -> DocumentNode { DocumentNode(.scalar(.string(text)), at: place, path: path) }
}

/// Places of what a reader found that knows no places.
extension DocumentNode {
    /// The error of a message that has the name of a part in quotation marks.
    func named(in message: String) -> PipelineError {
        guard case .map(let entries) = content,
            let found = entries.first(where: { message.contains("\"\($0.key)\"") })
        else { return error(message) }
        return found.value.error(message)
    }

    /// The error of a setting. One about a network is about where something is sent to, even if it does not say so.
    func setting(_ error: ConnectorError) -> PipelineError {
        let isOfNetwork = error.code == .badURL || error.message.contains("plain text")
        guard isOfNetwork, case .map(let entries) = content,
            !entries.contains(where: { error.message.contains("\"\($0.key)\"") }),
            let place = entries.first(where: { ["url", "endpoint", "api", "server"].contains($0.key) })
        else { return named(in: error.message) }
        return place.value.error(error.message)
    }
}
