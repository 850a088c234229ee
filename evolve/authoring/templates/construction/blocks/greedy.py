"""Put each mark as near as possible: the least whole number that repeats no distance."""


def greedy(n, skip=1):
    marks, seen = [0], set()
    while len(marks) < n:
        mark = marks[-1] + skip
        while True:
            new = {mark - other for other in marks}
            if not new & seen:
                break
            mark += 1
        seen |= new
        marks.append(mark)
    return marks
