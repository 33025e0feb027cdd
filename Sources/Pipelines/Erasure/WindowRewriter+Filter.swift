internal import Destinations
internal import Exports
internal import Model
internal import Threads

extension WindowRewriter {
    /// Takes their rows out of a window's file; nil if they cannot be told, or the file is gone.
    ///
    /// - Parameter spec: nil where the manifest's is refused.
    func filter(_ window: LoadedWindow, _ spec: ResolvedSpec?, at destination: any Destination) async throws -> Int64? {
        // What does not say how its rows were made need not have the specification's columns under these names; a number can be anything.
        let telling = window.telling ?? spec.map { RowTelling.columns($0).filter { $0.value != .seq } } ?? [:]
        guard var filter = RowFilter(window.columns, isAged: window.isAged, telling, erasure) else { return nil }
        let renames = window.renames(renamed)
        (filter.renames, filter.lineEnd) = (renames, window.isTransformed ? .transformed : .export)
        let ready = filter
        return try await inFolder(window) { folder in
            var batch = batch(window, spec)
            batch.file = folder + "/before" + batch.suffix
            // One that was changed is perhaps one that an attempt before left without its manifest.
            let found = try await destination.fetch(batch, to: batch.file)
            if case .gone = found { return nil }
            let made: (file: String, rows: Int64, gone: Int64)
            do { made = try await ready.run(batch, in: folder) } catch {
                // What somebody put in its place need not be one of ours.
                guard case .changed = found, !Task.isCancelled else { throw error }
                return nil
            }
            let before = batch
            var done = window.erasures
            // The file is that of an erasure that was cut off before its manifest followed.
            if case .changed = found, let intent = window.intent,
                try await OwnThread.run({ try before.with(file: before.file, rows: 0, after: .null) }).sha256
                    == intent.sha256
            {
                done.append(intent.erasure)
            }
            let isOurs = done.contains(erasure.id)
            if made.gone == 0, !isOurs, window.isDerived || window.telling == nil { return nil }
            if !isOurs { done.append(erasure.id) }
            let manifest = window.manifest(redacted(window.spec ?? .null), renames, after: done)
            try await replace(before, made, manifest, window, at: destination)
            return made.gone
        }
    }

    /// Takes their names out of the manifest of a file that stays, and out of its columns' names.
    func unname(_ window: LoadedWindow, _ spec: ResolvedSpec?, at destination: any Destination) async throws {
        let (renames, plain) = (window.renames(renamed), redacted(window.spec ?? .null))
        var unnamed = batch(window, spec)
        let isDone = try await inFolder(window) { folder in
            guard !renames.isEmpty else { return false }
            var batch = batch(window, spec)
            batch.file = folder + "/before" + batch.suffix
            // The columns of another file are another's.
            guard case .whole = try await destination.fetch(batch, to: batch.file) else { return false }
            var filter = RowFilter(renaming: renames, erasure)
            filter.lineEnd = window.isTransformed ? .transformed : .export
            let made = try await filter.run(batch, in: folder)
            let manifest = window.manifest(plain, renames, after: window.erasures)
            try await replace(batch, made, manifest, window, at: destination)
            return true
        }
        guard !isDone else { return }
        unnamed.manifest = window.manifest(plain, after: window.erasures)
        try await destination.remark(unnamed)
    }

    /// Puts a file that was written anew, and its manifest. The one that is there says so before: whoever comes back after a crash in
    /// between finishes that.
    private func replace(
        _ before: LoadBatch, _ made: (file: String, rows: Int64, gone: Int64), _ manifest: JSONValue,
        _ window: LoadedWindow, at destination: any Destination
    ) async throws {
        var after = try await OwnThread.run { try before.with(file: made.file, rows: made.rows, after: manifest) }
        after.columns = (manifest["columns"]?.arrayValue ?? []).compactMap { column in
            guard let name = column["name"]?.stringValue, let type = column["type"]?.stringValue else { return nil }
            return LoadColumn(name, type)
        }
        if after.sha256 != window.sha256 {
            var intent = before
            intent.manifest = window.manifest(before: erasure.id, puts: after.sha256)
            try await destination.remark(intent)
        }
        try await put(after, at: destination)
    }
}
