internal import Model

extension LayoutFolder {
    /// Takes the lines that name somebody out of the revisions that are there; those keep their names and numbers, also one
    /// of which nothing is left, and the index stays as it is. Again after a crash it finishes.
    ///
    /// - Parameter isNamed: of a line's `_p` or `_p2`.
    /// - Returns: how many lines went.
    public func erase(_ isNamed: (String) -> Bool) throws(ExportError) -> Int64 {
        var removed: Int64 = 0
        if revisions > 0 {
            for number in 1...revisions {
                let file = "\(path)/revisions/\(number).json"
                guard try FileSystem.size(file) != nil else { continue }
                let (kept, count) = Self.lines(try FileSystem.contents(file, limit: .max), without: isNamed)
                guard count > 0 else { continue }
                try FileSystem.replace(file, kept)
                removed += count
            }
        }
        try refreshManifest()
        return removed
    }

    /// A run's manifest with what its revisions are now. Those that somebody took away, as importers do with what they have
    /// read, stay in it as they were.
    public func refreshed(_ manifest: Manifest) throws(ExportError) -> Manifest {
        let before = manifest
        var manifest = manifest
        var all = Digest()
        let parent = FileSystem.split(path).folder
        for place in manifest.parts.indices {
            let file = parent + "/" + manifest.parts[place].file
            guard try FileSystem.size(file) != nil else { continue }
            let bytes = try FileSystem.contents(file, limit: .max)
            var digest = Digest()
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe digest.update(bytes)
                unsafe all.update(bytes)
            }
            manifest.parts[place].bytes = Int64(bytes.count)
            manifest.parts[place].rows = Int64(bytes.count { $0 == 0x0a })
            manifest.parts[place].sha256 = digest.hex
        }
        if manifest.parts == before.parts { return before }
        manifest.bytes = manifest.parts.reduce(0) { $0 + $1.bytes }
        manifest.rows = manifest.parts.reduce(0) { $0 + $1.rows }
        manifest.sha256 = all.hex
        if case .object(let members) = manifest.layout {
            let parts = manifest.parts
            manifest.layout = .object(
                members.map { member in
                    guard member.key == "revisions", let listed = member.value.arrayValue, listed.count == parts.count
                    else { return member }
                    let revisions = zip(listed.map { LayoutRevision(json: $0) }, parts).map {
                        revision, part -> JSONValue in
                        guard var revision else { return .null }
                        (revision.lines, revision.bytes, revision.sha256) = (part.rows, part.bytes, part.sha256)
                        return revision.json
                    }
                    return .init("revisions", .array(revisions))
                })
        }
        return manifest
    }

    private static func lines(_ bytes: [UInt8], without isNamed: (String) -> Bool) -> (kept: [UInt8], removed: Int64) {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var removed: Int64 = 0
        for line in bytes.split(separator: 0x0a) {
            let json = try? JSONValue(Array(line).span)
            let names = ["_p", "_p2"].compactMap { json?[$0]?.stringValue }
            if names.contains(where: isNamed) {
                removed += 1
            } else {
                kept.append(contentsOf: line)
                kept.append(0x0a)
            }
        }
        return (kept, removed)
    }
}
