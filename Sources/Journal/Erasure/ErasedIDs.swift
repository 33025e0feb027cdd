internal import Model

extension SealedIDs {
    /// Takes the ids of some items out of a file; nil, and the file is left alone, if it has none of them.
    ///
    /// A new file takes the old one's name when it is whole and on disk. Look-ups use one or the other, and the old one goes
    /// when its last user is done.
    func erase(
        _ seqs: SortedSeqs, in file: IDFile, gently: Bool
    ) throws(JournalError) -> JournalErasureReport.IDs? {
        let seqs = seqs.within(file)
        let removed = file.count(of: seqs)
        guard removed > 0 else { return nil }
        let table = IDTable(hour: file.hour, fromSeq: file.fromSeq, expecting: file.count - removed)
        table.toSeq = file.toSeq
        file.forEach { id, seq in
            if !seqs.contains(seq) { table.insert(id, seq) }
        }
        do {
            try IDFile.write(
                table, parts: file.isMerged ? file.parts : nil, to: file.path, folder: folder, files: files,
                gently: gently)
        } catch {
            throw JournalError(error, while: "taking erased ids out of \(file.path)")
        }
        let new = try IDFile(path: file.path, files: files)
        replace([file], with: new)
        var missing = 0
        file.forEach { id, seq in
            if !seqs.contains(seq), new.find(id) != seq { missing += 1 }
        }
        return JournalErasureReport.IDs(
            name: "\(FileNames.duplicates)/\(FileNames.last(of: file.path))", removed: removed, kept: new.count,
            isVerified: missing == 0 && new.count(of: seqs) == 0 && new.count == file.count - removed)
    }
}

extension IDFile {
    /// How many ids of these items it has.
    func count(of seqs: SortedSeqs) -> Int {
        var count = 0
        forEach { _, seq in
            if seqs.contains(seq) { count += 1 }
        }
        return count
    }
}
