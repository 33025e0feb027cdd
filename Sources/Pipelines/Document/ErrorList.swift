internal import Model

/// Errors of a document, which are told together: whoever mends a file wants to know all of them.
struct ErrorList {
    private(set) var found: [PipelineError] = []

    mutating func note(_ error: PipelineError) { found += error.all }

    /// What is read, or nil with its error noted.
    ///
    /// - Parameter read: throws `PipelineError`; a closure's type would have to be written out each time.
    @discardableResult
    mutating func attempt<T>(_ read: () throws -> T) -> T? {
        do { return try read() } catch {
            note(error as? PipelineError ?? PipelineError(.badDefinition, "\(error)"))
            return nil
        }
    }

    /// The same of a part that need not be there.
    @discardableResult
    mutating func attempt<T>(_ node: DocumentNode?, _ read: (DocumentNode) throws -> T) -> T? {
        guard let node else { return nil }
        return attempt { try read(node) }
    }

    /// The entries of a map, with those noted that there are none of.
    mutating func map(_ node: DocumentNode, _ keys: [String]) throws(PipelineError) -> [String: DocumentNode] {
        var known: [String: DocumentNode] = [:]
        for entry in try node.entries() {
            guard keys.contains(entry.key) else {
                note(node.unknown(entry, keys))
                continue
            }
            // Null is as good as not there.
            if case .scalar(.null) = entry.value.content { continue }
            known[entry.key] = entry.value
        }
        return known
    }

    func finish() throws(PipelineError) { if let error = PipelineError(found) { throw error } }
}
