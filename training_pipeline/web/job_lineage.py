"""To come."""


class LineageTab:
    def __init__(self, desk, job_id, query):
        pass

    async def show(self, looked):
        pass
