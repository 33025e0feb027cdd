internal import Logging
internal import Model

/// Which files of ids become one. Each look-up asks every file, so there should be few; but rewriting costs the disk.
struct MergePlan {
    /// The most ids of a merged file.
    let limit: Int
    /// The hour now.
    let hour: Int64

    /// This many small files of a day that is not over are merged; of a day that is over, two are.
    static let enough = 8

    /// A run of files that follow one another without a gap.
    ///
    /// - Parameter files: the oldest first.
    func run(in files: [IDFile]) -> ArraySlice<IDFile>? {
        var start = 0
        while start < files.count {
            var end = start + 1
            var count = files[start].count
            while end < files.count, count <= limit / 2 || end > start + 1, follows(files[end - 1], files[end]),
                count + files[end].count <= limit
            {
                count += files[end].count
                end += 1
            }
            let isOver = Self.day(files[start].hour) < Self.day(hour)
            if end - start >= (isOver ? 2 : Self.enough) { return files[start..<end] }
            start = end
        }
        return nil
    }

    private func follows(_ earlier: IDFile, _ later: IDFile) -> Bool {
        later.fromSeq == earlier.toSeq && later.count <= limit / 2 && later.hour >= earlier.hour
            && Self.day(later.hour) == Self.day(earlier.hour)
    }

    private static func day(_ hour: Int64) -> Int64 { hour / 24 }
}

extension SealedIDs {
    /// Merges a run of small files; true if there was one. Its ids are known exactly as long as before.
    ///
    /// The new file is whole and on disk before an old one goes. A start that finds both removes the old ones.
    func mergeSome(_ plan: MergePlan, gently: Bool) throws(JournalError) -> Bool {
        guard let run = plan.run(in: snapshot.files.reversed()), let first = run.first, let last = run.last else {
            return false
        }
        let table = IDTable(hour: last.hour, fromSeq: first.fromSeq, expecting: run.reduce(0) { $0 + $1.count })
        table.toSeq = last.toSeq
        // The newest first: of two equal ids the newer counts.
        for file in run.reversed() { file.forEach { id, seq in table.insert(id, seq) } }
        let parts = run.map(\.parts).reduce([], IDPart.join)
        let path = freePath(hour: last.hour, number: last.toSeq)
        do {
            try IDFile.write(table, parts: parts, to: path, folder: folder, files: files, gently: gently)
        } catch {
            throw JournalError(error, while: "merging ids of duplicates")
        }
        replace(Array(run), with: try IDFile(path: path, files: files))
        for file in run {
            do {
                try files.unlink(file.path)
            } catch {
                logger.warning("a file of ids that was merged stays", metadata: ["error": "\(error)"])
            }
        }
        return true
    }
}
